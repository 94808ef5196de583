/** Waits for facts that are reached without time passing: every message handled, every fiber that can run has run. */
import { Effect } from "effect"

/** Gives all that is ready its turn until `reached`, and fails if it is not after very many turns. */
export const until = (reached: () => boolean, what = "the awaited state"): Effect.Effect<void> =>
  Effect.suspend(() => {
    const loop = (left: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (reached()) return Effect.void
        if (left === 0) return Effect.die(new Error(`never reached: ${what}`))
        return Effect.andThen(Effect.yieldNow, loop(left - 1))
      })
    return loop(1000)
  })
