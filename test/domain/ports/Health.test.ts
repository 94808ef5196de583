import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, References } from "effect"
import { TestClock } from "effect/testing"
import { report } from "../../../src/domain/ports/Health.ts"

describe("Health.report", () => {
  it.effect("is up when nothing is checked", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* report([]), { status: "up", checks: [] })
    })
  )

  it.effect("calls a check that dies down, and does not show why", () =>
    Effect.gen(function* () {
      const checks = [{ name: "database", run: Effect.die(new Error("password=secret")) }]
      const found = yield* report(checks).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
      assert.deepStrictEqual(found, {
        status: "down",
        checks: [{ name: "database", status: "down", detail: "failed" }]
      })
    })
  )

  it.effect("calls a check that does not answer down, after two seconds for all together", () =>
    Effect.gen(function* () {
      const checks = ["a", "b", "c"].map((name) => ({ name, run: Effect.never }))
      const running = yield* Effect.forkChild(report(checks))
      yield* TestClock.adjust("2 seconds")
      const { checks: found, status } = yield* Fiber.join(running)
      assert.strictEqual(status, "down")
      assert.deepStrictEqual(found[2], { name: "c", status: "down", detail: "does not answer" })
    })
  )
})
