/**
 * Actors: OTP's `gen_server` for Effect. An actor owns its state, handles one message at a time, and is reached only
 * through its bounded mailbox, by `call` (which is answered) and `cast` (which is not). This file is the surface;
 * `ActorCell.ts` is the machine.
 *
 * An idle actor is a plain object, without a fiber. Every call ends: with an answer, or `MailboxFull`,
 * `ActorStopped` or `CallTimeout`.
 */
import { Duration, Effect, Exit, Scope } from "effect"
import { ActorCell, type ActorSettings, settingsOf } from "./ActorCell.ts"
import type { ActorStopped, CallTimeout, MailboxFull } from "./ActorErrors.ts"
import type { Behaviour } from "./Behaviour.ts"
import { exitReason } from "./ExitReason.ts"
import type { Process } from "./Process.ts"
import type { ReplyTo } from "./ReplyTo.ts"
import { timersIn } from "./Timers.ts"

export type CallError = MailboxFull | ActorStopped | CallTimeout

export interface CallOptions {
  /** How long to wait for the answer. Default: the actor's `callTimeout`. */
  readonly timeout?: Duration.Input
}

/**
 * What happens to a message that finds the mailbox full.
 * - `reject`: its sender is told, by `MailboxFull` (or `false` from `castUnsafe`).
 * - `drop_newest`: a cast is dropped without a word; a call fails with `MailboxFull`.
 * - `drop_oldest`: the oldest message makes room; if that was a call, it fails with `MailboxFull`.
 */
export type Overflow = "reject" | "drop_newest" | "drop_oldest"

export interface MailboxOptions {
  /** What it is counted as in metrics: a kind of actors, not an id. Default `actor`. */
  readonly kind?: string | undefined
  /** Messages the mailbox holds. Default 1000. */
  readonly capacity?: number | undefined
  /** Default `reject`. */
  readonly overflow?: Overflow | undefined
  /** The default deadline of calls. Default 5 seconds. */
  readonly callTimeout?: Duration.Input | undefined
}

export interface ActorOptions<Message, State, E, R> extends Behaviour<Message, State, E, R>, MailboxOptions {
  readonly id: string
}

export interface Actor<in Message> extends Process {
  /** Whether a message sent now would be looked at: false from the moment the actor is asked to end. */
  readonly isOpen: boolean
  /**
   * Sends the message made by `make` and waits for the answer to its ReplyTo.
   *
   * The message may still be handled after `CallTimeout`, or after the caller is interrupted.
   */
  readonly call: <A, E = never>(
    make: (replyTo: ReplyTo<A, E>) => Message,
    options?: CallOptions
  ) => Effect.Effect<A, E | CallError>
  /** Sends a message and does not wait for it to be handled. */
  readonly cast: (message: Message) => Effect.Effect<void, MailboxFull | ActorStopped>
  /**
   * `call` from plain code: `answered` is called once, with the answer or the failure. Returns a function that gives
   * the call up.
   */
  readonly callUnsafe: <A, E = never>(
    make: (replyTo: ReplyTo<A, E>) => Message,
    answered: (exit: Exit.Exit<A, E | CallError>) => void,
    options?: CallOptions
  ) => () => void
  /** Offers a message from plain code: why it was refused, or undefined. */
  readonly offerUnsafe: (message: Message) => MailboxFull | ActorStopped | undefined
  /** `cast` from plain code. False if the message was refused: the mailbox is full, or the actor stopping or gone. */
  readonly castUnsafe: (message: Message) => boolean
}

/**
 * Starts an actor, and returns it when its `init` is done. It ends when the scope closes, in order: what is in the
 * mailbox is handled, `terminate` runs, and the scope's closing waits for it; after `options.shutdown` it is killed.
 * Nobody restarts it when it crashes, which is logged: for that, have it supervised (`ChildSpec.actor`).
 */
export const start = <Message, State, E = never, R = never>(
  options: ActorOptions<Message, State, E, R> & {
    /** Default 5 seconds. A supervised actor has that of its child spec instead. */
    readonly shutdown?: Duration.Input
  }
): Effect.Effect<Actor<Message>, E, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      // A scope of its own under the starter's, so that an actor that ends early leaves nothing behind there.
      const scope = yield* Scope.fork(yield* Effect.scope)
      const exit = yield* Effect.exit(restore(Scope.provide(startIn(options), scope)))
      if (Exit.isFailure(exit)) {
        yield* Scope.close(scope, exit)
        return yield* exit
      }
      const actor = exit.value
      const context = yield* Effect.context<never>()
      const timers = timersIn(context)
      const killInTime = Effect.sync(() => {
        const cancel = timers.after(Duration.toMillis(options.shutdown ?? "5 seconds"), () => actor.kill())
        actor.onExit(cancel)
      })
      yield* Scope.addFinalizer(scope, killInTime)
      actor.onExit((end) => {
        // The finalizers would find an actor that has ended, so there is nothing to run.
        Scope.closeUnsafe(scope, end)
        if (Exit.isFailure(end) && exitReason(end) === "crashed") {
          Effect.runForkWith(context)(Effect.logError(`actor ${actor.id} crashed`, end.cause))
        }
      })
      return actor
    })
  )

/**
 * Like `start`, for a scope that is given up when the actor ends, as a supervised child's is: leaves one finalizer
 * in it until then.
 */
export const startIn = <Message, State, E = never, R = never>(
  options: ActorOptions<Message, State, E, R>
): Effect.Effect<Actor<Message>, E, Exclude<R, Scope.Scope> | Scope.Scope> =>
  startWith(options.id, options, settingsOf(options))

/** `startIn`, with settings that many actors share. */
export const startWith = <Message, State, E, R>(
  id: string,
  behaviour: Behaviour<Message, State, E, R>,
  settings: ActorSettings
): Effect.Effect<Actor<Message>, E, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.withFiber((fiber) => new ActorCell(id, behaviour, settings, fiber.context).initialise())
