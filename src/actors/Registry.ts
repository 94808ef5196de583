/**
 * Actors by name: a message to a key reaches the one live actor of that key, which is started on demand under a
 * dynamic supervisor. Concurrent messages to a new key start one actor.
 *
 * The registry is a stable object: make it where its users are built, and put its `childSpec` into the tree. While
 * that does not run, messages fail with `ActorStopped`.
 *
 * - An actor that ends is forgotten at once. A message that meets one on its way out waits for the end and goes to
 *   the next incarnation, so passivation after `idleTimeout` loses nothing. A message accepted by an actor that then
 *   crashes is lost, and a call fails with `ActorStopped`: whether it was handled, only the actor knew.
 * - A start that fails, fails those who wait for it, and is tried anew by the next message.
 * - Under `temporary` (the default) a crashed actor is started again by the next message; under `transient` and
 *   `permanent` by the supervisor, at most as `intensity` allows for each actor alone. One that uses it up is dropped,
 *   and its supervisor and siblings live on.
 *
 * A registry knows this process only. It is a cache and not a lock: where two nodes must not both own a key, the
 * store decides.
 */
import { Cause, type Context, Duration, Effect, Exit, type Scope } from "effect"
import * as ChildSpec from "../supervisors/ChildSpec.ts"
import type { DynamicSupervisor } from "../supervisors/DynamicSupervisor.ts"
import type { Intensity, Restart } from "../supervisors/RestartStrategy.ts"
import {
  ChildAlreadyStarted,
  MaxChildrenReached,
  SupervisorStopped
} from "../supervisors/SupervisorErrors.ts"
import type { Actor, ActorOptions, CallError, CallOptions } from "./Actor.ts"
import { defaultCallTimeoutMs } from "./ActorCell.ts"
import { ActorStartFailed, ActorStopped, CallTimeout, RegistryFull } from "./ActorErrors.ts"
import type { Behaviour } from "./Behaviour.ts"
import { stop } from "./Process.ts"
import type { ReplyTo } from "./ReplyTo.ts"
import { after, now } from "./Timers.ts"

export interface RegistryOptions<Key extends string, Message, State, E, R>
  extends Pick<ActorOptions<Message, State, E, R>, "capacity" | "overflow" | "callTimeout" | "idleTimeout"> {
  /** The id of its supervisor in the tree. */
  readonly id: string
  /** What the actor of a key does. Whatever an incarnation must not share with the next belongs into its `init`. */
  readonly behaviour: (key: Key) => Behaviour<Message, State, E, R>
  /** Live actors at most. Default: unlimited. */
  readonly maxSize?: number
  /** Default `temporary`. */
  readonly restart?: Restart
  /** Default 5 seconds. */
  readonly shutdown?: ChildSpec.Shutdown
  /** For each actor alone. Default: 3 restarts in a minute. */
  readonly intensity?: Intensity
}

/** How a message fails to reach an actor; beside that, the failure of the actor's own `init`. */
export type DeliveryError = CallError | ActorStartFailed | RegistryFull

export interface Registry<in out Key extends string, in Message, out E = never, out R = never> {
  readonly id: string
  /** Its supervisor, to be put into the tree once. */
  readonly childSpec: ChildSpec.ChildSpec<DynamicSupervisor, never, R>
  /** Calls the actor of `key`, starting it if need be; the deadline covers the start. */
  readonly call: <A, E2 = never>(
    key: Key,
    make: (replyTo: ReplyTo<A, E2>) => Message,
    options?: CallOptions
  ) => Effect.Effect<A, E | E2 | DeliveryError>
  /** Casts to the actor of `key`, starting it if need be. */
  readonly cast: (key: Key, message: Message) => Effect.Effect<void, E | DeliveryError>
  /** The actor of `key`, started if need be. */
  readonly get: (key: Key) => Effect.Effect<Actor<Message>, E | DeliveryError>
  /** The actor of `key` if it is live now. */
  readonly lookup: (key: Key) => Actor<Message> | undefined
  /** Stops the actor of `key`, if there is one, in order, and waits. */
  readonly stop: (key: Key) => Effect.Effect<void>
  /** Live actors. */
  readonly size: () => number
  readonly keys: () => ReadonlyArray<Key>
}

// A start that succeeds with an actor which has ended before it can take the message is not repeated for ever.
const maxStarts = 3

/** The failure of a start, or undefined when the actor is there. */
type StartFailure<E> = Exit.Exit<never, E | DeliveryError> | undefined

class LocalRegistry<Key extends string, Message, State, E, R> implements Registry<Key, Message, E, R> {
  readonly id: string
  readonly childSpec: ChildSpec.ChildSpec<DynamicSupervisor, never, R>
  private readonly options: RegistryOptions<Key, Message, State, E, R>
  private readonly live = new Map<Key, Actor<Message>>()
  /** Starts in progress, with those who wait for them. */
  private readonly starting = new Map<Key, Set<(failure: StartFailure<E>) => void>>()
  private running:
    | { readonly supervisor: DynamicSupervisor<R>; readonly context: Context.Context<never> }
    | undefined = undefined

  constructor(options: RegistryOptions<Key, Message, State, E, R>) {
    this.id = options.id
    this.options = options
    const spec = ChildSpec.dynamic<R>({
      id: options.id,
      intensity: { maxRestarts: 3, within: "1 minute", ...options.intensity, per: "child" }
    })
    this.childSpec = { ...spec, start: Effect.tap(spec.start, (supervisor) => this.attach(supervisor)) }
  }

  private attach(supervisor: DynamicSupervisor<R> | undefined): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      if (supervisor === undefined) return Effect.void
      const running = { supervisor, context: fiber.context }
      this.running = running
      supervisor.onExit(() => {
        if (this.running === running) this.running = undefined
      })
      return Effect.void
    })
  }

  // ---- reaching an actor --------------------------------------------------------------------------------------

  call<A, E2 = never>(
    key: Key,
    make: (replyTo: ReplyTo<A, E2>) => Message,
    options?: CallOptions
  ): Effect.Effect<A, E | E2 | DeliveryError> {
    return Effect.callback((resume) => {
      const giveUp = this.deliver(
        key,
        (actor, remaining) => actor.callUnsafe(make, resume, remaining),
        resume,
        options
      )
      return Effect.sync(giveUp)
    })
  }

  cast(key: Key, message: Message): Effect.Effect<void, E | DeliveryError> {
    return this.reach(key, (actor) => {
      const refusal = actor.offerUnsafe(message)
      return refusal === undefined ? Exit.void : Exit.fail(refusal)
    })
  }

  get(key: Key): Effect.Effect<Actor<Message>, E | DeliveryError> {
    return this.reach(key, (actor) => Exit.succeed(actor))
  }

  lookup(key: Key): Actor<Message> | undefined {
    const actor = this.live.get(key)
    return actor?.isOpen === true ? actor : undefined
  }

  private reach<A>(
    key: Key,
    use: (actor: Actor<Message>) => Exit.Exit<A, DeliveryError>
  ): Effect.Effect<A, E | DeliveryError> {
    return Effect.callback((resume) => {
      const giveUp = this.deliver(
        key,
        (actor) => {
          resume(use(actor))
          return () => {}
        },
        resume
      )
      return Effect.sync(giveUp)
    })
  }

  /**
   * Hands the open actor of `key` to `use`, in the same turn in which it is seen to be open; or fails. Exactly one of
   * the two happens, unless the returned function is called before, which also gives up what `use` began.
   */
  private deliver(
    key: Key,
    use: (actor: Actor<Message>, options?: CallOptions) => () => void,
    fail: (exit: Exit.Exit<never, E | DeliveryError>) => void,
    options?: CallOptions
  ): () => void {
    const actor = this.live.get(key)
    return actor?.isOpen === true ? use(actor, options) : this.deliverLater(key, use, fail, options)
  }

  private deliverLater(
    key: Key,
    use: (actor: Actor<Message>, options?: CallOptions) => () => void,
    fail: (exit: Exit.Exit<never, E | DeliveryError>) => void,
    options: CallOptions | undefined
  ): () => void {
    const running = this.running
    if (running === undefined) {
      fail(this.stopped(key))
      return () => {}
    }
    const { context } = running
    const timeout = options?.timeout ?? this.options.callTimeout
    const timeoutMs = timeout === undefined ? defaultCallTimeoutMs : Duration.toMillis(timeout)
    const deadline = now(context) + timeoutMs
    // A step can end before it has returned the way to cancel it; then a later one is what there is to cancel.
    let step = 0
    let cancelStep = (): void => {}
    const take = (begin: () => () => void): void => {
      const current = ++step
      const cancel = begin()
      if (step === current) cancelStep = cancel
    }
    const failWith = (exit: Exit.Exit<never, E | DeliveryError>): void => {
      cancelTimer()
      fail(exit)
    }
    const cancelTimer = Number.isFinite(timeoutMs)
      ? after(context, timeoutMs, () => {
          cancelStep()
          fail(Exit.fail(new CallTimeout({ actor: key, timeoutMs })))
        })
      : () => {}
    let starts = 0
    const attempt = (): void => {
      const actor = this.live.get(key)
      if (actor?.isOpen === true) {
        cancelTimer()
        take(() => use(actor, { timeout: deadline - now(context) }))
      } else if (actor !== undefined) {
        take(() => actor.onExit(attempt))
      } else if (starts++ < maxStarts) {
        take(() =>
          this.whenStarted(key, (failure) => (failure === undefined ? attempt() : failWith(failure)))
        )
      } else {
        failWith(this.stopped(key))
      }
    }
    attempt()
    return () => {
      cancelTimer()
      cancelStep()
    }
  }

  private stopped(key: Key): Exit.Exit<never, ActorStopped> {
    return Exit.fail(new ActorStopped({ actor: key }))
  }

  // ---- starting and stopping ----------------------------------------------------------------------------------

  /** Joins the start of the key's actor, or begins it. It belongs to nobody who waits: they may come and go. */
  private whenStarted(key: Key, notify: (failure: StartFailure<E>) => void): () => void {
    const started = this.starting.get(key)
    if (started !== undefined) {
      started.add(notify)
      return () => void started.delete(notify)
    }
    const { running } = this
    const limit = this.options.maxSize ?? Number.POSITIVE_INFINITY
    if (running === undefined) {
      notify(this.stopped(key))
      return () => {}
    }
    if (this.live.size + this.starting.size >= limit) {
      notify(Exit.fail(new RegistryFull({ registry: this.id, limit })))
      return () => {}
    }
    const waiting = new Set([notify])
    this.starting.set(key, waiting)
    const start = Effect.suspend(() => running.supervisor.startChild(this.spec(key)))
    Effect.runForkWith(running.context as Context.Context<R>)(start).addObserver((exit) => {
      this.starting.delete(key)
      const failure = Exit.isSuccess(exit) ? undefined : this.startFailure(key, exit.cause)
      for (const notifyOne of waiting) notifyOne(failure)
    })
    return () => void waiting.delete(notify)
  }

  private spec(key: Key): ChildSpec.ChildSpec<Actor<Message>, E, R> {
    const { capacity, overflow, callTimeout, idleTimeout, restart, shutdown } = this.options
    const behaviour = this.options.behaviour(key)
    const spec = ChildSpec.actor<Message, State, E, R>({
      ...behaviour,
      id: key,
      capacity,
      overflow,
      callTimeout,
      idleTimeout: behaviour.idleTimeout ?? idleTimeout,
      restart: restart ?? "temporary",
      shutdown
    })
    const start = Effect.tap(spec.start, (actor) => Effect.sync(() => this.register(key, actor)))
    return { ...spec, start } as ChildSpec.ChildSpec<Actor<Message>, E, R>
  }

  private register(key: Key, actor: Actor<Message> | undefined): void {
    if (actor === undefined) return
    this.live.set(key, actor)
    actor.onExit(() => {
      if (this.live.get(key) === actor) this.live.delete(key)
    })
  }

  private startFailure(key: Key, cause: Cause.Cause<unknown>): Exit.Exit<never, E | DeliveryError> {
    const error = Cause.squash(cause)
    if (
      Cause.hasInterruptsOnly(cause) ||
      error instanceof SupervisorStopped ||
      // Being restarted by the supervisor, or not yet released after its end.
      error instanceof ChildAlreadyStarted ||
      error instanceof MaxChildrenReached
    ) {
      return this.stopped(key)
    }
    // A typed failure is the one of the behaviour's `init`.
    return Cause.hasDies(cause)
      ? Exit.fail(new ActorStartFailed({ actor: key, cause: error }))
      : Exit.fail(error as E)
  }

  stop(key: Key): Effect.Effect<void> {
    return Effect.suspend(() => {
      const actor = this.live.get(key)
      return actor === undefined ? Effect.void : Effect.asVoid(stop(actor))
    })
  }

  size(): number {
    return this.live.size
  }

  keys(): ReadonlyArray<Key> {
    return Array.from(this.live.keys())
  }
}

/** Makes a registry. Nothing runs until its `childSpec` does. */
export const make = <Key extends string, Message, State, E = never, R = never>(
  options: RegistryOptions<Key, Message, State, E, R>
): Registry<Key, Message, E, Exclude<R, Scope.Scope>> =>
  new LocalRegistry(options) as Registry<Key, Message, E, Exclude<R, Scope.Scope>>
