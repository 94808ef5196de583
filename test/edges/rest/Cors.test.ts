import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Answer, serve } from "./RestServer.ts"

const allowedOrigins = ["https://chat.example", "//*.apps.example"]

const corsOf = ({ headers }: Answer) =>
  Object.keys(headers).filter((name) => name.startsWith("access-control"))

const ask = (origin: string) => ({
  method: "OPTIONS",
  headers: {
    origin,
    "access-control-request-method": "PATCH",
    "access-control-request-headers": "authorization, x-anything"
  }
})

describe("CORS", () => {
  it.live("lets pages of the listed origins ask and read, answers and refusals alike", () =>
    Effect.gen(function* () {
      const call = yield* serve({ allowedOrigins })
      for (const origin of ["https://chat.example", "https://a.apps.example", "http://b.apps.example"]) {
        const preflight = yield* call("/api/v1/conversations", ask(origin))
        assert.strictEqual(preflight.status, 204)
        assert.strictEqual(preflight.headers["access-control-allow-origin"], origin)
        assert.include(preflight.headers["access-control-allow-methods"], "PATCH")
        assert.include(preflight.headers["access-control-allow-headers"], "authorization")
        assert.notInclude(preflight.headers["access-control-allow-headers"], "x-anything")
        assert.strictEqual(preflight.headers.vary, "Origin")
        for (const path of ["/health/live", "/api/v1/conversations", "/nowhere"]) {
          const answer = yield* call(path, { headers: { origin } })
          assert.strictEqual(answer.headers["access-control-allow-origin"], origin, path)
          assert.include(answer.headers["access-control-expose-headers"], "retry-after")
        }
      }
    })
  )

  it.live("says nothing of the kind to others, and never allows credentials", () =>
    Effect.gen(function* () {
      const call = yield* serve({ allowedOrigins })
      for (const origin of [
        "https://chat.example.evil",
        "https://evilchat.example",
        "http://chat.example",
        "https://evilapps.example",
        "null",
        "*",
        "https://chat.example, https://evil.example",
        "not an origin"
      ]) {
        const preflight = yield* call("/api/v1/conversations", ask(origin))
        assert.strictEqual(preflight.status, 405, origin)
        assert.deepStrictEqual(corsOf(preflight), [], origin)
        const answer = yield* call("/health/live", { headers: { origin } })
        assert.deepStrictEqual(corsOf(answer), [], origin)
        assert.strictEqual(answer.headers.vary, "Origin")
      }
      const allowed = yield* call("/health/live", { headers: { origin: "https://chat.example" } })
      assert.isUndefined(allowed.headers["access-control-allow-credentials"])
    })
  )

  it.live("is off where no origin is listed", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      const preflight = yield* call("/api/v1/conversations", ask("https://chat.example"))
      assert.strictEqual(preflight.status, 405)
      assert.deepStrictEqual(corsOf(preflight), [])
    })
  )
})
