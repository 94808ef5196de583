import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { Unavailable } from "../../src/domain/Errors.ts"
import * as Metrics from "../../src/workers/Metrics.ts"

describe("Metrics", () => {
  it.effect("shows each measurement's last answer, taken once a minute, and none where there is none", () =>
    Effect.gen(function* () {
      let value: number | undefined = 1
      let taken = 0
      const measure = Effect.suspend(() => {
        taken++
        return value === undefined ? Effect.fail(new Unavailable({ what: "redis" })) : Effect.succeed(value)
      })
      const shown = Effect.map(
        PrometheusMetrics.format(),
        (text) => /^a_test{pool="main"} (\d+)$/m.exec(text)?.[1]
      )
      const running = yield* Effect.flatMap(Metrics.Metrics, ({ run }) => run).pipe(
        Effect.provide(
          Metrics.layer({
            interval: "1 minute",
            measurements: [{ id: "a_test", description: "A test", attributes: { pool: "main" }, measure }]
          })
        ),
        Effect.forkChild({ startImmediately: true })
      )
      assert.strictEqual(yield* shown, "1")
      value = 2
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* shown, "1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* shown, "2")
      value = undefined
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* shown, undefined)
      value = 3
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* shown, "3")
      yield* Fiber.interrupt(running)
      assert.strictEqual(yield* shown, undefined)
      assert.strictEqual(taken, 4)
    })
  )
})
