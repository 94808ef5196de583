/**
 * Actors by name: a message to a key reaches the one live actor of that key, which is started on demand under a
 * dynamic supervisor. Concurrent messages to a new key start one actor. This file is the surface; `LocalRegistry.ts`
 * is the machine.
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
import type { Duration, Effect, Exit, Scope } from "effect"
import type { ChildSpec, Shutdown } from "../../supervisors/ChildSpec.ts"
import type { DynamicSupervisor } from "../../supervisors/DynamicSupervisor.ts"
import type { Intensity, Restart } from "../../supervisors/RestartStrategy.ts"
import type { Actor, CallError, CallOptions, MailboxOptions } from "../process/Actor.ts"
import type { ActorStartFailed, RegistryFull } from "../process/ActorErrors.ts"
import type { Behaviour } from "../process/Behaviour.ts"
import type { ReplyTo } from "../process/ReplyTo.ts"
import { LocalRegistry } from "./LocalRegistry.ts"

export interface RegistryOptions<Key extends string, Message, State, E, R> extends MailboxOptions {
  /** The id of its supervisor in the tree. */
  readonly id: string
  /** What the actor of a key does. Called at each start. A registry's `idleTimeout` is for all its actors. */
  readonly behaviour: (key: Key) => Omit<Behaviour<Message, State, E, R>, "idleTimeout">
  /** Passivates an actor after this long without a message. Default: never. */
  readonly idleTimeout?: Duration.Input
  /** Live actors at most. Default: unlimited. */
  readonly maxSize?: number
  /** Default `temporary`. */
  readonly restart?: Restart
  /** Default 5 seconds. */
  readonly shutdown?: Shutdown
  /** For each actor alone. Default: 3 restarts in a minute. */
  readonly intensity?: Intensity
}

/** How a message fails to reach an actor; beside that, the failure of the actor's own `init`. */
export type DeliveryError = CallError | ActorStartFailed | RegistryFull

export interface Registry<in out Key extends string, in Message, out E = never, out R = never> {
  readonly id: string
  /** Its supervisor, to be put into the tree once. */
  readonly childSpec: ChildSpec<DynamicSupervisor, never, R>
  /** Calls the actor of `key`, starting it if need be; the deadline covers the start. */
  readonly call: <A, E2 = never>(
    key: Key,
    make: (replyTo: ReplyTo<A, E2>) => Message,
    options?: CallOptions
  ) => Effect.Effect<A, E | E2 | DeliveryError>
  /** `call` from plain code: `answered` is called once. Returns a function that gives the call up. */
  readonly callUnsafe: <A, E2 = never>(
    key: Key,
    make: (replyTo: ReplyTo<A, E2>) => Message,
    answered: (exit: Exit.Exit<A, E | E2 | DeliveryError>) => void,
    options?: CallOptions
  ) => () => void
  /** Casts to the actor of `key`, starting it if need be. */
  readonly cast: (key: Key, message: Message) => Effect.Effect<void, E | DeliveryError>
  /** The actor of `key`, started if need be. It may be passivated before it is used: `call` and `cast` see to that. */
  readonly get: (key: Key) => Effect.Effect<Actor<Message>, E | DeliveryError>
  /** The actor of `key` if it is live now. */
  readonly lookup: (key: Key) => Actor<Message> | undefined
  /** Stops the actor of `key`, if there is one, in order, and waits. */
  readonly stop: (key: Key) => Effect.Effect<void>
  /** Live actors. */
  readonly size: () => number
  readonly keys: () => ReadonlyArray<Key>
}

/** Makes a registry. Nothing runs until its `childSpec` does. */
export const make = <Key extends string, Message, State, E = never, R = never>(
  options: RegistryOptions<Key, Message, State, E, R>
): Registry<Key, Message, E, Exclude<R, Scope.Scope>> =>
  new LocalRegistry(options as RegistryOptions<Key, Message, State, E, Exclude<R, Scope.Scope>>)
