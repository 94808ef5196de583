/**
 * The machine inside an actor: takes messages in, runs the behaviour on them one by one, and ends the actor with
 * everything that belongs to it. Nothing here decides what a message means.
 *
 * Callbacks that return plain values run right in the actor's turn (`RunQueue.ts`). One that returns an Effect runs
 * as a fiber with the context the actor was started in, and the actor takes no message until that has ended. It is
 * here, and only here beside `main.ts`, that plain code runs effects: a message may come from a plain callback.
 *
 * The end has one order: refuse new messages, cancel timers and monitors, `terminate`, close the actor's scope, tell
 * the observers, fail the calls still unanswered.
 */
import { Cause, Context, Duration, Effect, Exit, type Fiber, Scope } from "effect"
import type { Actor, ActorOptions, CallError, CallOptions } from "./Actor.ts"
import { ActorStopped, CallTimeout, MailboxFull } from "./ActorErrors.ts"
import type { Next, Self } from "./Behaviour.ts"
import { exitReason, Killed, shutdown } from "./ExitReason.ts"
import { Envelope, Mailbox } from "./Mailbox.ts"
import { awaitExit, type Process, ProcessBase, type ProcessInfo } from "./Process.ts"
import { type Answered, Reply, type ReplyOwner, type ReplyTo } from "./ReplyTo.ts"
import { enqueue, type Runnable } from "./RunQueue.ts"
import { after, cancel, now, schedule, type Timer } from "./Timers.ts"

const messagesPerTurn = 64

export const defaultCallTimeoutMs = 5000

export class ActorCell<Message, State, E, R>
  extends ProcessBase
  implements Actor<Message>, Self<Message>, ReplyOwner, Runnable, Timer
{
  // Timer: the idle time.
  at = 0
  slot = -1
  // ReplyOwner: the unanswered calls, oldest first.
  firstPending: Reply | undefined = undefined
  lastPending: Reply | undefined = undefined

  private readonly options: ActorOptions<Message, State, E, R>
  private readonly mailbox: Mailbox<Message>
  private readonly startContext: Context.Context<never>
  private ownContext: Context.Context<R | Scope.Scope> | undefined = undefined
  private ownScope: Scope.Closeable | undefined = undefined
  private state!: State
  private phase: "starting" | "running" | "stopping" | "exited" = "starting"
  /** Waiting in the run queue, or in its turn. */
  private queued = false
  /** The callback in progress, if it is an effect that has not ended. */
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** Orderly end requested: handle what is in the mailbox, accept no more. */
  private draining = false
  /** End requested, with this exit, before the next message. */
  private ending: Exit.Exit<unknown, unknown> | undefined = undefined
  private aborted = false
  private lastActive = 0
  private releases: Set<() => void> | undefined = undefined

  constructor(options: ActorOptions<Message, State, E, R>, context: Context.Context<never>) {
    super(options.id)
    this.options = options
    this.startContext = context
    this.mailbox = new Mailbox(options.capacity ?? 1000)
  }

  // ---- starting -----------------------------------------------------------------------------------------------

  /** Runs `init` in the calling fiber. Must be run once, with the context given to the constructor. */
  initialise(): Effect.Effect<Actor<Message>, E, Scope.Scope> {
    return Effect.suspend(() => {
      const next = this.options.init(this)
      if (!Effect.isEffect(next)) {
        this.started(next)
        return Effect.succeed(this)
      }
      return Effect.flatMap(
        Effect.provideContext(next as Effect.Effect<State, E, R>, this.context()),
        (state) => {
          this.started(state)
          return Effect.succeed(this)
        }
      )
    }).pipe(
      Effect.onExit((exit) => (Exit.isFailure(exit) ? this.startFailed(exit) : Effect.void)),
      (starting) =>
        Effect.andThen(
          Effect.addFinalizer(() => this.stopAndWait()),
          starting
        )
    )
  }

  private started(state: State): void {
    this.state = state
    this.phase = "running"
    this.settle()
  }

  private startFailed(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.phase === "starting") this.phase = "running"
      this.abort(exit)
      return Effect.asVoid(awaitExit(this))
    })
  }

  private stopAndWait(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.phase === "exited") return Effect.void
      this.shutdown()
      return Effect.asVoid(awaitExit(this))
    })
  }

  /** The context of callbacks: that of the start, with the actor's own scope, made when first needed. */
  private context(): Context.Context<R | Scope.Scope> {
    if (this.ownContext === undefined) {
      this.ownScope = Scope.makeUnsafe()
      this.ownContext = Context.add(this.startContext as Context.Context<R>, Scope.Scope, this.ownScope)
    }
    return this.ownContext
  }

  // ---- messages in --------------------------------------------------------------------------------------------

  call<A, E2 = never>(
    make: (replyTo: ReplyTo<A, E2>) => Message,
    options?: CallOptions
  ): Effect.Effect<A, E2 | CallError> {
    return Effect.callback((resume) => {
      const giveUp = this.callUnsafe(make, resume, options)
      return Effect.sync(giveUp)
    })
  }

  callUnsafe<A, E2 = never>(
    make: (replyTo: ReplyTo<A, E2>) => Message,
    answered: (exit: Exit.Exit<A, E2 | CallError>) => void,
    options?: CallOptions
  ): () => void {
    const timeout = options?.timeout ?? this.options.callTimeout
    const timeoutMs = timeout === undefined ? defaultCallTimeoutMs : Duration.toMillis(timeout)
    const reply = new Reply(timeoutMs, answered as Answered)
    const refusal = this.deliver(make(reply), reply)
    if (refusal !== undefined) reply.fail(refusal)
    return () => reply.abandon()
  }

  cast(message: Message): Effect.Effect<void, MailboxFull | ActorStopped> {
    return Effect.suspend(() => {
      const refusal = this.deliver(message, undefined)
      return refusal === undefined ? Effect.void : Effect.fail(refusal)
    })
  }

  offerUnsafe(message: Message): MailboxFull | ActorStopped | undefined {
    return this.deliver(message, undefined)
  }

  castUnsafe(message: Message): boolean {
    return this.deliver(message, undefined) === undefined
  }

  get isOpen(): boolean {
    return (
      (this.phase === "running" || this.phase === "starting") && !this.draining && this.ending === undefined
    )
  }

  private deliver(message: Message, reply: Reply | undefined): MailboxFull | ActorStopped | undefined {
    if (!this.isOpen) return new ActorStopped({ actor: this.id })
    if (this.mailbox.isFull) {
      const overflow = this.options.overflow ?? "reject"
      if (overflow === "drop_oldest") {
        this.mailbox.take()?.reply?.fail(this.mailboxFull())
      } else if (overflow === "reject" || reply !== undefined) {
        return this.mailboxFull()
      } else {
        return undefined
      }
    }
    this.mailbox.push(new Envelope(message, reply))
    if (reply !== undefined) {
      reply.pendAt(this)
      // No turn is due while a callback runs, so nobody else would arm this deadline.
      if (this.fiber !== undefined) this.armDeadlines()
    }
    this.wake()
    return undefined
  }

  private mailboxFull(): MailboxFull {
    return new MailboxFull({ actor: this.id, capacity: this.mailbox.capacity })
  }

  /** A message to itself, which is never refused for want of room: there is at most one per timer or monitor. */
  private signal(envelope: Envelope<Message>): void {
    if (!this.isOpen) return
    this.mailbox.push(envelope)
    this.wake()
  }

  private wake(): void {
    if (this.queued || this.fiber !== undefined || this.phase !== "running") return
    this.queued = true
    enqueue(this)
  }

  // ---- turns --------------------------------------------------------------------------------------------------

  turn(): number {
    let handled = 0
    while (
      handled < messagesPerTurn &&
      this.phase === "running" &&
      this.fiber === undefined &&
      this.ending === undefined
    ) {
      const envelope = this.mailbox.take()
      if (envelope === undefined) break
      handled++
      this.run(
        () => this.options.handle(envelope.message, this.state, this),
        (exit) => this.handled(exit)
      )
    }
    this.queued = false
    this.settle()
    return handled
  }

  private handled(exit: Exit.Exit<State, unknown>): void {
    if (Exit.isSuccess(exit)) this.state = exit.value
    else this.ending ??= exit
  }

  /** Runs a callback; `done` is called in here if it ended at once, and else when its fiber ends. */
  private run<A>(callback: () => Next<A, never, R>, done: (exit: Exit.Exit<A, unknown>) => void): void {
    let next: Next<A, never, R>
    try {
      next = callback()
    } catch (defect) {
      done(Exit.die(defect))
      return
    }
    if (!Effect.isEffect(next)) {
      done(Exit.succeed(next))
      return
    }
    this.runEffect(next as Effect.Effect<A, never, R | Scope.Scope>, done)
  }

  private runEffect<A>(
    effect: Effect.Effect<A, unknown, R | Scope.Scope>,
    done: (exit: Exit.Exit<A, unknown>) => void,
    uninterruptible = false
  ): void {
    const fiber = Effect.runForkWith(this.context())(effect, { uninterruptible })
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) {
      done(exit)
      return
    }
    this.fiber = fiber
    fiber.addObserver((late) => {
      this.fiber = undefined
      done(late)
      this.settle()
    })
    if (this.aborted && !uninterruptible) fiber.interruptUnsafe()
  }

  /** After a turn or a callback: what comes next. */
  private settle(): void {
    if (this.phase === "running" && this.fiber === undefined) {
      if (this.ending !== undefined) this.end(this.ending)
      else if (this.mailbox.size > 0) this.wake()
      else if (this.draining) this.end(shutdown)
      else this.becameIdle()
    }
    this.armDeadlines()
  }

  // A call answered within the turn never has its deadline armed: most are, and timers are what calls cost most.
  private armDeadlines(): void {
    for (let reply = this.lastPending; reply !== undefined && !reply.armed; reply = reply.previous) {
      reply.armed = true
      if (Number.isFinite(reply.timeoutMs)) schedule(this.startContext, reply, reply.timeoutMs)
    }
  }

  cancelDeadline(reply: Reply): void {
    cancel(this.startContext, reply)
  }

  deadlineReached(reply: Reply): void {
    reply.fail(new CallTimeout({ actor: this.id, timeoutMs: reply.timeoutMs }))
  }

  // ---- idle time ----------------------------------------------------------------------------------------------

  private becameIdle(): void {
    if (this.options.idleTimeout === undefined) return
    this.lastActive = now(this.startContext)
    // The timer is not moved at each message: it looks at `lastActive` when it fires.
    if (this.slot < 0) schedule(this.startContext, this, Duration.toMillis(this.options.idleTimeout))
  }

  fire(): void {
    if (this.phase !== "running") return
    const limit = Duration.toMillis(this.options.idleTimeout ?? Duration.infinity)
    const isBusy =
      this.queued || this.fiber !== undefined || this.mailbox.size > 0 || this.firstPending !== undefined
    const rest = isBusy ? limit : limit - (now(this.startContext) - this.lastActive)
    if (rest > 0) {
      schedule(this.startContext, this, rest)
      return
    }
    const onIdle = this.options.onIdle
    if (onIdle === undefined) {
      this.stop()
      return
    }
    this.queued = true
    this.run(
      () => onIdle(this.state, this),
      (exit) => this.handled(exit)
    )
    this.queued = false
    this.settle()
  }

  // ---- timers, monitors, links --------------------------------------------------------------------------------

  sendAfter(delay: Duration.Input, message: Message): () => void {
    const release = this.untilEnd(
      after(this.startContext, Duration.toMillis(delay), () => {
        this.releases?.delete(release)
        this.signal(new Envelope(message, undefined))
      })
    )
    return release
  }

  sendEvery(period: Duration.Input, message: Message): () => void {
    const periodMs = Math.max(1, Duration.toMillis(period))
    const envelope = new Envelope(message, undefined)
    let cancelNext = (): void => {}
    const tick = (): void => {
      cancelNext = after(this.startContext, periodMs, tick)
      if (!envelope.isQueued) this.signal(envelope)
    }
    cancelNext = after(this.startContext, periodMs, tick)
    return this.untilEnd(() => cancelNext())
  }

  monitor(process: Process, toMessage: (exit: Exit.Exit<unknown, unknown>) => Message): () => void {
    const release = this.untilEnd(
      process.onExit((exit) => {
        this.releases?.delete(release)
        this.signal(new Envelope(toMessage(exit), undefined))
      })
    )
    return release
  }

  link(actor: Actor<never>): () => void {
    const unlinkThere = actor.onExit((exit) => {
      if (exitReason(exit) !== "normal") this.abort(exit)
    })
    const unlinkHere = this.onExit((exit) => {
      unlinkThere()
      if (exitReason(exit) === "normal") return
      if (actor instanceof ActorCell) actor.abort(exit)
      else actor.kill()
    })
    return () => {
      unlinkHere()
      unlinkThere()
    }
  }

  private untilEnd(undo: () => void): () => void {
    const release = (): void => {
      this.releases?.delete(release)
      undo()
    }
    this.releases ??= new Set()
    this.releases.add(release)
    return release
  }

  // ---- the end ------------------------------------------------------------------------------------------------

  stop(exit: Exit.Exit<unknown, unknown> = Exit.void): void {
    this.ending ??= exit
    this.endIfIdle()
  }

  shutdown(): void {
    this.draining = true
    if (this.mailbox.size === 0) this.endIfIdle()
  }

  kill(): void {
    this.abort(Exit.fail(new Killed({ process: this.id })))
  }

  /** Ends now with the given exit, without `terminate`. */
  private abort(exit: Exit.Exit<unknown, unknown>): void {
    if (this.phase === "exited") return
    this.aborted = true
    this.ending = exit
    this.fiber?.interruptUnsafe()
    this.endIfIdle()
  }

  private endIfIdle(): void {
    if (this.phase === "running" && !this.queued && this.fiber === undefined) this.settle()
  }

  private end(exit: Exit.Exit<unknown, unknown>): void {
    this.phase = "stopping"
    this.mailbox.clear()
    if (this.slot >= 0) cancel(this.startContext, this)
    const releases = this.releases
    this.releases = undefined
    if (releases !== undefined) for (const release of releases) release()
    const terminate = this.options.terminate
    if (terminate === undefined || this.aborted) {
      this.closeScope(exit)
      return
    }
    this.run(
      () => terminate(this.state, exit),
      (last) => this.closeScope(both(exit, last))
    )
  }

  private closeScope(exit: Exit.Exit<unknown, unknown>): void {
    const closing = this.ownScope === undefined ? undefined : Scope.closeUnsafe(this.ownScope, exit)
    if (closing === undefined) this.finish(exit)
    else this.runEffect(closing, (last) => this.finish(both(exit, last)), true)
  }

  private finish(exit: Exit.Exit<unknown, unknown>): void {
    this.phase = "exited"
    this.exited(this.aborted && this.ending !== undefined ? this.ending : exit)
    while (this.firstPending !== undefined) this.firstPending.fail(new ActorStopped({ actor: this.id }))
  }

  inspect(): ProcessInfo {
    const state = this.phase === "starting" ? "running" : this.phase
    return {
      state: state === "running" && !this.isOpen ? "stopping" : state,
      mailboxDepth: this.mailbox.size
    }
  }
}

/** The exit of a process that ended with `first` and then failed in its last steps, if it did. */
const both = (
  first: Exit.Exit<unknown, unknown>,
  last: Exit.Exit<unknown, unknown>
): Exit.Exit<unknown, unknown> => {
  if (Exit.isSuccess(last)) return first
  return Exit.isSuccess(first) ? last : Exit.failCause(Cause.combine(first.cause, last.cause))
}
