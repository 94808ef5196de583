/** How often a lost Redis is tried, by the clock of the test. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { settings } from "../../../src/layers/config/Settings.ts"
import { reconnect } from "../../../src/layers/redis/RedisConnection.ts"

describe("The pauses between attempts to connect", () => {
  it.effect(
    "grow, and leave a node time to take its lease of presence again before that of another ends",
    () =>
      Effect.gen(function* () {
        const attempts: Array<number> = []
        const attempt = Effect.flatMap(Clock.currentTimeMillis, (now) => {
          attempts.push(now)
          return Effect.fail("nobody answers")
        })
        yield* Effect.forkChild(Effect.retry(attempt, reconnect))
        yield* TestClock.adjust("10 minutes")
        const pauses = attempts.slice(1).map((at, i) => at - attempts[i]!)
        assert.isAbove(pauses.length, 100)
        for (const [i, atLeast] of [80, 160, 320, 640, 1_280].entries()) assert.isAtLeast(pauses[i]!, atLeast)
        // A node that has come back takes its lease with the next of its beats, of which a lease has three.
        const lease = Duration.toMillis(
          Duration.fromInputUnsafe(settings.presenceLease.shown("prod") as "1 second")
        )
        assert.isBelow(Math.max(...pauses), lease * (2 / 3))
      })
  )
})
