/**
 * What an actor does, apart from how it runs: OTP's `gen_server` callbacks. State is private and passed along;
 * each callback returns the next one, as a plain value or as an Effect of it. Plain is the fast way: it needs no
 * fiber. (A state that is itself an Effect is therefore not possible.)
 *
 * A typed failure belongs into an answer (`replyTo.fail`); a callback can only die, and a defect ends the actor.
 */
import type { Duration, Effect, Exit, Scope } from "effect"
import type { Actor } from "./Actor.ts"
import type { Process } from "./Process.ts"

/** A plain value or an Effect of it. `Scope` is the actor's own: it closes when the actor ends. */
export type Next<State, E, R> = State | Effect.Effect<State, E, R | Scope.Scope>

export interface Behaviour<Message, State, E = never, R = never> {
  /** Runs before the actor takes messages. A failure is the failure to start. */
  readonly init: (self: Self<Message>) => Next<State, E, R>
  /** Handles one message and returns the next state. */
  readonly handle: (message: Message, state: State, self: Self<Message>) => Next<State, never, R>
  /**
   * Called once at the end with the last state, unless the actor is killed. Unanswered calls can still be answered
   * here.
   */
  readonly terminate?: (state: State, exit: Exit.Exit<unknown, unknown>) => Next<void, never, R>
  /** Calls `onIdle` after this long without a message, a running handler or an unanswered call. */
  readonly idleTimeout?: Duration.Input | undefined
  /** Default: the actor stops, normally. */
  readonly onIdle?: (state: State, self: Self<Message>) => Next<State, never, R>
}

/** The actor as its own callbacks see it. */
export interface Self<Message> extends Actor<Message> {
  /** Ends the actor after the present callback, with this exit (default: normal). Queued messages are not handled. */
  readonly stop: (exit?: Exit.Exit<unknown, unknown>) => void
  /** Sends `message` to itself after `delay`, whatever the mailbox holds. Returns the cancellation. */
  readonly sendAfter: (delay: Duration.Input, message: Message) => () => void
  /** Sends `message` to itself every `period`. A tick that finds the last one still unhandled is skipped. */
  readonly sendEvery: (period: Duration.Input, message: Message) => () => void
  /** Sends `toMessage(exit)` to itself, once, when the process ends. Returns the cancellation. */
  readonly monitor: (
    process: Process,
    toMessage: (exit: Exit.Exit<unknown, unknown>) => Message
  ) => () => void
  /**
   * Ties two lives together: when either ends other than normally, the other ends too; an actor with the same exit,
   * any other process by `kill`. To survive and be told instead, monitor. Returns the unlinking.
   */
  readonly link: (other: Process) => () => void
}
