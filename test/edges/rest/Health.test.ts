import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { HealthStatus } from "../../../src/domain/ports/Health.ts"
import { serve } from "./RestServer.ts"

const check = (name: string, status: HealthStatus, detail?: string) => ({
  name,
  run: Effect.succeed({ status, detail })
})

describe("Health over HTTP", () => {
  it.live("is ready when all checks are up, and shows them", () =>
    Effect.gen(function* () {
      const call = yield* serve({ checks: [check("database", "up"), check("writer", "up", "3 queued")] })
      for (const path of ["/health", "/health/ready"]) {
        const answer = yield* call(path)
        assert.strictEqual(answer.status, 200)
        assert.deepStrictEqual(answer.json, {
          status: "up",
          checks: [
            { name: "database", status: "up" },
            { name: "writer", status: "up", detail: "3 queued" }
          ]
        })
      }
    })
  )

  it.live("stays ready while degraded", () =>
    Effect.gen(function* () {
      const call = yield* serve({ checks: [check("database", "up"), check("redis", "degraded")] })
      const answer = yield* call("/health/ready")
      assert.strictEqual(answer.status, 200)
      assert.deepInclude(answer.json, { status: "degraded" })
    })
  )

  it.live("is not ready when one check is down, but alive", () =>
    Effect.gen(function* () {
      const call = yield* serve({ checks: [check("database", "down"), check("redis", "degraded")] })
      for (const path of ["/health", "/health/ready"]) {
        const answer = yield* call(path)
        assert.strictEqual(answer.status, 503)
        assert.strictEqual(answer.headers["content-type"], "application/json")
        assert.deepInclude(answer.json, { status: "down" })
      }
      const alive = yield* call("/health/live")
      assert.strictEqual(alive.status, 200)
      assert.deepStrictEqual(alive.json, { status: "up" })
    })
  )
})
