/**
 * Why a process ended, as OTP tells exits apart: `normal`, `shutdown`, `killed`, or a crash.
 *
 * The reason is not a type of its own: it is read from the Effect `Exit`. Success is normal; an exit that holds
 * nothing but interruption is a shutdown, and so is a failure with one of the `Shutdown` errors below, OTP's
 * `{shutdown, Term}`; everything else is a crash. Restart types (`supervisors/RestartStrategy.ts`) and links
 * decide on this classification alone.
 */
import { Cause, Exit, Schema } from "effect"

export type ExitReason = "normal" | "shutdown" | "killed" | "crashed"

/** OTP's `{shutdown, Term}`: an orderly end with something to say. Not a crash: `transient` does not restart it. */
export class Shutdown extends Schema.TaggedError<Shutdown>()("Shutdown", {
  reason: Schema.String
}) {}

/** A process ended by `kill`, without a chance to say goodbye. Counts as a crash for restarts, as in OTP. */
export class Killed extends Schema.TaggedError<Killed>()("Killed", {
  process: Schema.String
}) {}

/**
 * A supervisor gave up: more than `maxRestarts` restarts within `withinMs`. `child` is the one whose exit was one
 * too many. Its parent sees a shutdown, as in OTP: a `permanent` supervisor is restarted, a `transient` one is not.
 */
export class RestartIntensityExceeded extends Schema.TaggedError<RestartIntensityExceeded>()(
  "RestartIntensityExceeded",
  {
    supervisor: Schema.String,
    child: Schema.String,
    maxRestarts: Schema.Number,
    withinMs: Schema.Number
  }
) {
  override get message(): string {
    return `${this.child} of ${this.supervisor} ended more than ${this.maxRestarts} times within ${this.withinMs} ms`
  }
}

/** A supervisor ended because its significant child `child` did; see `autoShutdown`. */
export class AutoShutdown extends Schema.TaggedError<AutoShutdown>()("AutoShutdown", {
  supervisor: Schema.String,
  child: Schema.String
}) {}

/** The exit of a process that was asked to stop and did. */
export const shutdown: Exit.Exit<never> = Exit.interrupt()

const isOrderly = (error: unknown): boolean =>
  error instanceof Shutdown || error instanceof RestartIntensityExceeded || error instanceof AutoShutdown

export const exitReason = (exit: Exit.Exit<unknown, unknown>): ExitReason => {
  if (Exit.isSuccess(exit)) return "normal"
  const cause = exit.cause
  if (Cause.hasInterruptsOnly(cause)) return "shutdown"
  if (cause.reasons.some((reason) => reason._tag === "Fail" && reason.error instanceof Killed))
    return "killed"
  if (cause.reasons.every((reason) => reason._tag === "Fail" && isOrderly(reason.error))) return "shutdown"
  return "crashed"
}

/** Whether a `transient` child is restarted after this exit. */
export const isAbnormal = (exit: Exit.Exit<unknown, unknown>): boolean => {
  const reason = exitReason(exit)
  return reason === "crashed" || reason === "killed"
}

/** One line for logs and snapshots, such as `crashed: TypeError: x is not a function`. */
export const describeExit = (exit: Exit.Exit<unknown, unknown>): string => {
  const reason = exitReason(exit)
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) || reason === "killed") return reason
  return `${reason}: ${String(Cause.squash(exit.cause))}`
}
