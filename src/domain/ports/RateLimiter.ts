/**
 * Budgets that all nodes share: so many of something for each subject (a user, an address) in a window of time. A
 * window begins with the first unit that is taken.
 *
 * The answer is there at once wherever this node knows it, which on the way of a message is nearly always; only then
 * is it an Effect. `credit` says by how much a shared budget may be overdrawn.
 */
import { Context, Effect, Result } from "effect"
import type { RateLimited } from "../Errors.ts"
import type { Rate } from "../Limits.ts"

/** A rate, and the name it is counted under: two limits of one scope share what they count. */
export interface Limit extends Rate {
  readonly scope: string
}

/** An answer that is there already, or one that must be waited for. */
export type Admitted<A, E> = Result.Result<A, E> | Effect.Effect<A, E>

/** For those who may wait either way. */
export const wait = <A, E>(admitted: Admitted<A, E>): Effect.Effect<A, E> =>
  Result.isResult(admitted) ? Effect.fromResult(admitted) : admitted

/** The next question, once the first is answered with yes. */
export const andThen = <A, E, B, E2>(
  first: Admitted<A, E>,
  next: (value: A) => Admitted<B, E2>
): Admitted<B, E | E2> => {
  if (!Result.isResult(first)) return Effect.flatMap(first, (value) => wait(next(value)))
  return Result.isSuccess(first) ? next(first.success) : Result.fail(first.failure)
}

/** What is left, as far as this node knows. */
export interface Standing {
  readonly remaining: number
  /** Milliseconds until the window ends. */
  readonly resetMs: number
}

export interface Budget {
  readonly limit: Limit
  /** Takes one unit, or several: all of them or none. */
  readonly take: (subject: string, units?: number) => Admitted<void, RateLimited>
  /** Puts back what was taken for nothing. */
  readonly giveBack: (subject: string, units?: number) => void
  readonly standing: (subject: string) => Standing
  /** Forgets what was taken, here and in what is shared; other nodes find out with their next question. */
  readonly clear: (subject: string) => void
}

/**
 * The units that each node may give out before it has heard what the others gave, for a limit of so many: 2 %, 20 at
 * the most, and none where the limit is below 20. While nodes reach each other, all of them together give out at most
 * `max + nodes * credit(max)` in a window.
 */
export const credit = (max: number): number =>
  max < 20 ? 0 : Math.min(20, Math.max(1, Math.floor(max / 50)))

export class RateLimiter extends Context.Service<
  RateLimiter,
  {
    readonly budget: (limit: Limit) => Budget
  }
>()("messaging-service/domain/ports/RateLimiter") {}
