/**
 * The registry behind `Registry.make`: which actors are live, which are being started and who waits for them. Actors
 * live under a dynamic supervisor; this only knows where they are.
 */
import { Cause, type Context, Effect, Exit } from "effect"
import * as ChildSpec from "../../supervisors/ChildSpec.ts"
import type { DynamicSupervisor } from "../../supervisors/DynamicSupervisor.ts"
import {
  ChildAlreadyStarted,
  MaxChildrenReached,
  SupervisorStopped
} from "../../supervisors/SupervisorErrors.ts"
import { type Actor, type CallOptions, startWith } from "../process/Actor.ts"
import { type ActorSettings, settingsOf } from "../process/ActorCell.ts"
import { ActorStartFailed, ActorStopped, RegistryFull } from "../process/ActorErrors.ts"
import { showRegistrySize } from "../process/ActorMetrics.ts"
import { type ExitObserver, type Process, stop } from "../process/Process.ts"
import type { ReplyTo } from "../process/ReplyTo.ts"
import { type Timers, timersIn } from "../process/Timers.ts"
import { Delivery, type Use } from "./Delivery.ts"
import type { DeliveryError, Registry, RegistryOptions } from "./Registry.ts"

/** The failure of a start, or undefined when the actor is there. */
export type StartFailure<E> = Exit.Failure<never, E | DeliveryError> | undefined

interface Running<R> {
  readonly supervisor: DynamicSupervisor<R>
  readonly context: Context.Context<R>
  readonly timers: Timers
}

export class LocalRegistry<Key extends string, Message, State, E, R>
  implements Registry<Key, Message, E, R>, ExitObserver
{
  readonly id: string
  readonly childSpec: ChildSpec.ChildSpec<DynamicSupervisor, never, R>
  readonly settings: ActorSettings
  private readonly options: RegistryOptions<Key, Message, State, E, R>
  private readonly live = new Map<Key, Actor<Message>>()
  /** Starts in progress, with those who wait for them. */
  private readonly starting = new Map<Key, Set<(failure: StartFailure<E>) => void>>()
  /** Its supervisor, while that runs. */
  private running: Running<R> | undefined = undefined

  constructor(options: RegistryOptions<Key, Message, State, E, R>) {
    this.id = options.id
    this.options = options
    this.settings = settingsOf({ kind: options.id, ...options })
    const spec = ChildSpec.dynamic<R>({
      id: options.id,
      intensity: { maxRestarts: 3, within: "1 minute", ...options.intensity, per: "child" }
    })
    this.childSpec = { ...spec, start: Effect.tap(spec.start, (supervisor) => this.attach(supervisor)) }
  }

  private attach(supervisor: DynamicSupervisor<R> | undefined): Effect.Effect<void, never, R> {
    return Effect.contextWith((context: Context.Context<R>) => {
      if (supervisor === undefined) return Effect.void
      const running = { supervisor, context, timers: timersIn(context) }
      this.running = running
      const hideSize = showRegistrySize(this.id, context, () => this.live.size)
      supervisor.onExit(() => {
        hideSize()
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
      const giveUp = this.callUnsafe(key, make, resume, options)
      return Effect.sync(giveUp)
    })
  }

  callUnsafe<A, E2 = never>(
    key: Key,
    make: (replyTo: ReplyTo<A, E2>) => Message,
    answered: (exit: Exit.Exit<A, E | E2 | DeliveryError>) => void,
    options?: CallOptions
  ): () => void {
    return this.deliver(
      key,
      (actor, remaining) => actor.callUnsafe(make, answered, remaining),
      answered,
      options
    )
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

  private reach<A>(
    key: Key,
    use: (actor: Actor<Message>) => Exit.Exit<A, DeliveryError>
  ): Effect.Effect<A, E | DeliveryError> {
    return Effect.callback((resume) => {
      const once: Use<Message> = (actor) => {
        resume(use(actor))
        return () => {}
      }
      const giveUp = this.deliver(key, once, resume)
      return Effect.sync(giveUp)
    })
  }

  /**
   * Hands the open actor of `key` to `use`, in the same turn in which it is seen to be open; or fails. Exactly one of
   * the two happens, unless the returned function is called before, which also gives up what `use` began.
   */
  private deliver(
    key: Key,
    use: Use<Message>,
    fail: (exit: Exit.Exit<never, E | DeliveryError>) => void,
    options?: CallOptions
  ): () => void {
    const actor = this.live.get(key)
    if (actor?.isOpen === true) return use(actor, options)
    if (this.running === undefined) {
      fail(this.stopped(key))
      return () => {}
    }
    const delivery = new Delivery(this, key, use, fail, this.running.timers, options)
    return () => delivery.giveUp()
  }

  stopped(key: Key): Exit.Failure<never, ActorStopped> {
    return failure(new ActorStopped({ actor: key }))
  }

  /** The actor of `key`, even on its way out. */
  current(key: Key): Actor<Message> | undefined {
    return this.live.get(key)
  }

  lookup(key: Key): Actor<Message> | undefined {
    const actor = this.live.get(key)
    return actor?.isOpen === true ? actor : undefined
  }

  // ---- starting and stopping ----------------------------------------------------------------------------------

  /** Joins the start of the key's actor, or begins it. It belongs to none of those who wait: they may come and go. */
  whenStarted(key: Key, notify: (failure: StartFailure<E>) => void): () => void {
    const waiting = this.starting.get(key) ?? this.beginStart(key, notify)
    if (waiting === undefined) return () => {}
    waiting.add(notify)
    return () => void waiting.delete(notify)
  }

  private beginStart(
    key: Key,
    notify: (failure: StartFailure<E>) => void
  ): Set<(failure: StartFailure<E>) => void> | undefined {
    const { running } = this
    const limit = this.options.maxSize ?? Number.POSITIVE_INFINITY
    if (running === undefined) {
      notify(this.stopped(key))
      return undefined
    }
    if (this.live.size + this.starting.size >= limit) {
      notify(failure(new RegistryFull({ registry: this.id, limit })))
      return undefined
    }
    const waiting = new Set([notify])
    this.starting.set(key, waiting)
    const start = running.supervisor.startChild(new KeySpec(key, this))
    Effect.runForkWith(running.context)(start).addObserver((exit) => {
      this.starting.delete(key)
      const result = Exit.isSuccess(exit) ? undefined : this.startFailure(key, exit.cause)
      for (const notifyOne of waiting) notifyOne(result)
    })
    return waiting
  }

  /** The start of an actor, as its supervisor runs it: at first, and again if it restarts it. */
  startActor(key: Key): ChildSpec.ChildSpec<Actor<Message>, E, R>["start"] {
    return Effect.suspend(() =>
      Effect.map(startWith(key, this.options.behaviour(key), this.settings), (actor) => {
        this.live.set(key, actor)
        actor.watch(this)
        return actor
      })
    )
  }

  processExited(actor: Process): void {
    const key = actor.id as Key
    if (this.live.get(key) === actor) this.live.delete(key)
  }

  private startFailure(key: Key, cause: Cause.Cause<unknown>): Exit.Failure<never, E | DeliveryError> {
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
    return failure(Cause.hasDies(cause) ? new ActorStartFailed({ actor: key, cause: error }) : (error as E))
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

  get restart(): ChildSpec.ChildSpec["restart"] {
    return this.options.restart ?? "temporary"
  }

  get shutdown(): ChildSpec.Shutdown {
    return this.options.shutdown ?? "5 seconds"
  }
}

type KeyStarter<Key extends string, Message, E, R> = Pick<
  LocalRegistry<Key, Message, unknown, E, R>,
  "restart" | "shutdown" | "startActor"
>

/** The spec of one key's actor. There is one per live actor, so it holds nothing that the registry knows. */
class KeySpec<Key extends string, Message, E, R> implements ChildSpec.ChildSpec<Actor<Message>, E, R> {
  readonly id: Key
  private readonly registry: KeyStarter<Key, Message, E, R>

  constructor(id: Key, registry: KeyStarter<Key, Message, E, R>) {
    this.id = id
    this.registry = registry
  }

  get type(): "worker" {
    return "worker"
  }

  get restart(): ChildSpec.ChildSpec["restart"] {
    return this.registry.restart
  }

  get shutdown(): ChildSpec.Shutdown {
    return this.registry.shutdown
  }

  get significant(): boolean {
    return false
  }

  get start(): ChildSpec.ChildSpec<Actor<Message>, E, R>["start"] {
    return this.registry.startActor(this.id)
  }
}

const failure = <E>(error: E): Exit.Failure<never, E> => Exit.fail(error) as Exit.Failure<never, E>
