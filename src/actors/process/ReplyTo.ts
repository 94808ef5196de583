/**
 * The caller's end of a `call`: where its answer goes. A behaviour answers at once, or keeps the ReplyTo and answers
 * later, from anywhere, plain callbacks included (OTP's `noreply` and `GenServer.reply`).
 */
import { Effect, type Exit } from "effect"

export interface ReplyTo<in A, in E = never> {
  /** False once the call has ended: answered, timed out, given up, or the actor is gone. */
  readonly isAwaited: boolean
  /** Answers with a value. Returns whether someone was still waiting. */
  readonly succeed: (value: A) => boolean
  /** Answers with a typed failure. Returns whether someone was still waiting. */
  readonly fail: (error: E) => boolean
  /** Answers with an exit. Returns whether someone was still waiting. */
  readonly done: (exit: Exit.Exit<A, E>) => boolean
}

/** Answers a call, as an Effect. */
export const reply = <A>(replyTo: ReplyTo<A, never>, value: A): Effect.Effect<void> =>
  Effect.sync(() => void replyTo.succeed(value))

/** Answers a call with the outcome of an effect: its value, its failure, its defect or its interruption. */
export const replyWith = <A, E, R>(
  replyTo: ReplyTo<A, E>,
  answer: Effect.Effect<A, E, R>
): Effect.Effect<void, never, R> =>
  Effect.onExit(answer, (exit) => Effect.sync(() => void replyTo.done(exit))).pipe(Effect.exit, Effect.asVoid)
