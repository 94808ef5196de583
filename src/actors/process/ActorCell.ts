/**
 * The machine inside an actor: takes messages in, has the behaviour handle them one by one, and ends the actor with
 * everything that belongs to it. Nothing here decides what a message means.
 *
 * An actor works in turns (`RunQueue.ts`); while a callback is in progress it takes no message. Actors and
 * supervisors are, beside `main.ts`, what runs effects from plain code: a message may come from a plain callback.
 *
 * The end has one order: refuse new messages, release timers and monitors, `terminate`, close the actor's scope, tell
 * the observers, fail the calls still unanswered.
 */
import { Cause, type Context, Duration, Effect, Exit, type Scope } from "effect"
import type { Actor, CallError, CallOptions, MailboxOptions, Overflow } from "./Actor.ts"
import { ActorStopped, MailboxFull } from "./ActorErrors.ts"
import { type ActorMetrics, metricsOf } from "./ActorMetrics.ts"
import { Attachments } from "./Attachments.ts"
import type { Behaviour, Next, Self } from "./Behaviour.ts"
import { type CallbackOwner, CallbackRunner } from "./CallbackRunner.ts"
import { exitReason, Killed, shutdown } from "./ExitReason.ts"
import { type IdleOwner, IdleTimer } from "./IdleTimer.ts"
import { Envelope, Mailbox } from "./Mailbox.ts"
import { type Answered, type CallOwner, PendingCall, PendingCalls } from "./PendingCalls.ts"
import { awaitExit, type Process, ProcessBase, type ProcessInfo } from "./Process.ts"
import type { ReplyTo } from "./ReplyTo.ts"
import { enqueue, type Runnable } from "./RunQueue.ts"
import { type Timers, timersIn } from "./Timers.ts"

const messagesPerTurn = 64

/** The options of an actor that are not its behaviour, ready for use. */
export interface ActorSettings {
  readonly metrics: ActorMetrics
  readonly capacity: number
  readonly overflow: Overflow
  readonly callTimeoutMs: number
  /** Infinite for an actor that may be idle for ever. */
  readonly idleMs: number
}

export const settingsOf = (
  options: MailboxOptions & { readonly idleTimeout?: Duration.Input | undefined }
): ActorSettings => ({
  metrics: metricsOf(options.kind ?? "actor"),
  capacity: options.capacity ?? 1000,
  overflow: options.overflow ?? "reject",
  callTimeoutMs: Duration.toMillis(options.callTimeout ?? 5000),
  idleMs: Duration.toMillis(options.idleTimeout ?? Number.POSITIVE_INFINITY)
})

export class ActorCell<Message, State, E, R>
  extends ProcessBase
  implements Actor<Message>, Self<Message>, Runnable, CallOwner, CallbackOwner, IdleOwner
{
  private readonly behaviour: Behaviour<Message, State, E, R>
  private readonly settings: ActorSettings
  readonly timers: Timers
  private readonly context: Context.Context<never>
  private readonly callbacks: CallbackRunner<R>
  private readonly mailbox = new Mailbox<Message>()
  private readonly idle: IdleTimer | undefined
  private calls: PendingCalls | undefined = undefined
  private attached: Attachments<Message> | undefined = undefined
  private state!: State
  private phase: "starting" | "running" | "stopping" | "exited" = "starting"
  /** Waiting in the run queue, or in its turn. */
  private isQueued = false
  /** Asked to end in order: it handles what is in the mailbox, and accepts no more. */
  private isDraining = false
  /** To end with this exit before the next message. */
  private ending: Exit.Exit<unknown, unknown> | undefined = undefined
  private isAborted = false

  constructor(
    id: string,
    behaviour: Behaviour<Message, State, E, R>,
    settings: ActorSettings,
    context: Context.Context<never>
  ) {
    super(id)
    this.behaviour = behaviour
    this.settings = settings
    this.context = context
    this.timers = timersIn(context)
    this.callbacks = new CallbackRunner<R>(this, context)
    const { idleMs } = settings
    this.idle = Number.isFinite(idleMs) ? new IdleTimer(this, this.timers, idleMs) : undefined
  }

  // ---- starting -----------------------------------------------------------------------------------------------

  /** Runs `init` in the calling fiber, whose context the constructor was given. To be run once. */
  initialise(): Effect.Effect<Actor<Message>, E, Exclude<R, Scope.Scope> | Scope.Scope> {
    const starting = Effect.suspend((): Effect.Effect<Actor<Message>, E, Exclude<R, Scope.Scope>> => {
      const next = this.behaviour.init(this)
      if (!Effect.isEffect(next)) return this.started(next)
      const init = this.callbacks.provideScope(next as Effect.Effect<State, E, R | Scope.Scope>)
      return Effect.flatMap(init, (state) => this.started(state))
    })
    return Effect.andThen(
      Effect.addFinalizer(() => this.endAndWait(() => this.shutdown())),
      Effect.onExit(starting, (exit) =>
        Exit.isSuccess(exit) ? Effect.void : this.endAndWait(() => this.startFailed(exit))
      )
    )
  }

  private started(state: State): Effect.Effect<Actor<Message>> {
    this.state = state
    this.phase = "running"
    this.settle()
    return Effect.succeed(this)
  }

  private startFailed(exit: Exit.Exit<unknown, unknown>): void {
    if (this.phase === "starting") this.phase = "running"
    this.abort(exit)
  }

  private endAndWait(end: () => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.phase === "exited") return Effect.void
      end()
      return Effect.asVoid(awaitExit(this))
    })
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
    const timeout = options?.timeout
    const timeoutMs = timeout === undefined ? this.settings.callTimeoutMs : Duration.toMillis(timeout)
    const call = new PendingCall(timeoutMs, answered as Answered)
    const refusal = this.deliver(make(call), call)
    if (refusal !== undefined) call.fail(refusal)
    return () => call.giveUp()
  }

  cast(message: Message): Effect.Effect<void, MailboxFull | ActorStopped> {
    return Effect.suspend(() => {
      const refusal = this.offerUnsafe(message)
      return refusal === undefined ? Effect.void : Effect.fail(refusal)
    })
  }

  offerUnsafe(message: Message): MailboxFull | ActorStopped | undefined {
    return this.deliver(message, undefined)
  }

  castUnsafe(message: Message): boolean {
    return this.deliver(message, undefined) === undefined
  }

  callTimedOut(): void {
    this.settings.metrics.callTimeouts.updateUnsafe(1, this.context)
  }

  get isOpen(): boolean {
    return (
      (this.phase === "running" || this.phase === "starting") && !this.isDraining && this.ending === undefined
    )
  }

  private deliver(message: Message, call: PendingCall | undefined): MailboxFull | ActorStopped | undefined {
    if (!this.isOpen) return new ActorStopped({ actor: this.id })
    const { capacity, overflow, metrics } = this.settings
    if (this.mailbox.size >= capacity) {
      metrics.mailboxFull.updateUnsafe(1, this.context)
      const full = new MailboxFull({ actor: this.id, capacity })
      if (overflow === "reject" || (overflow === "drop_newest" && call !== undefined)) return full
      if (overflow === "drop_newest") return undefined
      this.mailbox.take()?.call?.fail(full)
    }
    if (call !== undefined) {
      this.calls ??= new PendingCalls(this)
      call.waitIn(this.calls)
      // While a callback runs no turn is due that would arm this deadline.
      if (this.callbacks.isBusy) this.calls.armDeadlines()
    }
    this.mailbox.push(new Envelope(message, call))
    this.wake()
    return undefined
  }

  private wake(): void {
    if (this.isQueued || this.callbacks.isBusy || this.phase !== "running") return
    this.isQueued = true
    enqueue(this)
  }

  // ---- turns --------------------------------------------------------------------------------------------------

  turn(): number {
    let handled = 0
    while (handled < messagesPerTurn && this.isReady && this.ending === undefined) {
      const envelope = this.mailbox.take()
      if (envelope === undefined) break
      handled++
      this.step(() => this.behaviour.handle(envelope.message, this.state, this))
    }
    this.isQueued = false
    this.settle()
    return handled
  }

  private get isReady(): boolean {
    return this.phase === "running" && !this.callbacks.isBusy
  }

  /** A callback that makes the next state. */
  private step(callback: () => Next<State, never, R>): void {
    this.callbacks.run(callback, (exit) => {
      if (Exit.isSuccess(exit)) this.state = exit.value
      else this.ending ??= exit
    })
  }

  /** After a turn or a callback: what comes next. */
  settle(): void {
    if (this.isReady) {
      if (this.ending !== undefined) this.end(this.ending)
      else if (this.mailbox.size > 0) this.wake()
      else if (this.isDraining) this.end(shutdown)
      else this.idle?.rest()
    }
    this.calls?.armDeadlines()
  }

  // ---- idle time ----------------------------------------------------------------------------------------------

  get isBusy(): boolean {
    return !this.isReady || this.isQueued || this.calls?.isEmpty === false
  }

  idleTimeIsOver(): void {
    const { onIdle } = this.behaviour
    if (onIdle === undefined) {
      this.stop()
      return
    }
    this.isQueued = true
    this.step(() => onIdle(this.state, this))
    this.isQueued = false
    this.settle()
  }

  // ---- timers, monitors, links --------------------------------------------------------------------------------

  sendAfter(delay: Duration.Input, message: Message): () => void {
    return this.attachments().sendAfter(delay, message)
  }

  sendEvery(period: Duration.Input, message: Message): () => void {
    return this.attachments().sendEvery(period, message)
  }

  monitor(process: Process, toMessage: (exit: Exit.Exit<unknown, unknown>) => Message): () => void {
    return this.attachments().monitor(process, toMessage)
  }

  link(other: Process): () => void {
    if (this.phase === "exited") return () => {}
    const unlinkHere = this.attachments().link(other, (exit) => this.abort(exit))
    const unlinkThere =
      other instanceof ActorCell
        ? other.attachments().link(this, (exit) => other.abort(exit))
        : this.onExit((exit) => {
            if (exitReason(exit) !== "normal") other.kill()
          })
    return () => {
      unlinkHere()
      unlinkThere()
    }
  }

  private attachments(): Attachments<Message> {
    if (this.attached === undefined) {
      this.attached = new Attachments(this.timers, (envelope) => {
        if (!this.isOpen) return
        this.mailbox.push(envelope)
        this.wake()
      })
      if (this.phase === "stopping" || this.phase === "exited") this.attached.releaseAll()
    }
    return this.attached
  }

  // ---- the end ------------------------------------------------------------------------------------------------

  stop(exit: Exit.Exit<unknown, unknown> = Exit.void): void {
    this.ending ??= exit
    this.endIfResting()
  }

  shutdown(): void {
    this.isDraining = true
    this.endIfResting()
  }

  kill(): void {
    this.abort(Exit.fail(new Killed({ process: this.id })))
  }

  /** Ends now, with this exit and without `terminate`. */
  private abort(exit: Exit.Exit<unknown, unknown>): void {
    if (this.phase === "exited") return
    this.isAborted = true
    this.ending = exit
    this.callbacks.interrupt()
    this.endIfResting()
  }

  private endIfResting(): void {
    if (this.isReady && !this.isQueued) this.settle()
  }

  private end(exit: Exit.Exit<unknown, unknown>): void {
    this.phase = "stopping"
    this.mailbox.clear()
    this.idle?.cancel()
    this.attached?.releaseAll()
    const { terminate } = this.behaviour
    if (terminate === undefined || this.isAborted) {
      this.closeScope(exit)
      return
    }
    this.callbacks.run(
      () => terminate(this.state, exit),
      (last) => this.closeScope(both(exit, last))
    )
  }

  private closeScope(exit: Exit.Exit<unknown, unknown>): void {
    this.callbacks.closeScope(exit, (last) => this.finish(both(exit, last)))
  }

  private finish(exit: Exit.Exit<unknown, unknown>): void {
    this.phase = "exited"
    this.exited(this.isAborted && this.ending !== undefined ? this.ending : exit)
    this.calls?.failAll()
  }

  inspect(): ProcessInfo {
    const state = this.phase === "starting" || this.phase === "running" ? "running" : this.phase
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
