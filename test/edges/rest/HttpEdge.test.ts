import { request } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { type Answer, conversationId, serve, start } from "./RestServer.ts"

const CONVERSATION = `/api/v1/conversations/${conversationId("c")}`
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** What every refusal must be, whoever refuses. */
const assertProblem = (answer: Answer, status: number, reason: string) => {
  assert.strictEqual(answer.status, status)
  assert.strictEqual(answer.headers["content-type"], "application/problem+json")
  assert.deepInclude(answer.json, {
    status,
    reason,
    type: `/problems/${reason}`,
    request_id: answer.headers["x-request-id"]
  })
}

describe("HttpEdge: request ids", () => {
  it.live("makes one, and keeps the caller's when it is harmless", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      assert.match((yield* call("/health/live")).headers["x-request-id"] as string, UUID)
      const kept = yield* call("/nowhere", { headers: { "x-request-id": "trace-0af7651916cd43dd:1" } })
      assert.strictEqual(kept.headers["x-request-id"], "trace-0af7651916cd43dd:1")
      assertProblem(kept, 404, "not_found")
    })
  )

  it.live("replaces one that could forge a log line, or is endless", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      for (const id of ["a b", "a\tb", '"', "x".repeat(129), "{}", "<script>"]) {
        const answer = yield* call("/health/live", { headers: { "x-request-id": id } })
        assert.match(answer.headers["x-request-id"] as string, UUID, id)
      }
    })
  )
})

describe("HttpEdge: what is wrong is a problem", () => {
  it.live("answers an unknown path with 404", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      for (const path of [
        "/nowhere",
        "/api",
        "/api/v1",
        "/api/v2/conversations",
        "/%ff",
        "/%00",
        "/health/x"
      ]) {
        assertProblem(yield* call(path), 404, "not_found")
      }
    })
  )

  it.live("answers a known path and another method with 405 and the methods there are", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      const refused = yield* call("/health", { method: "DELETE" })
      assertProblem(refused, 405, "method_not_allowed")
      assert.strictEqual(refused.headers.allow, "GET, HEAD")
      const other = yield* call(CONVERSATION, { method: "POST" })
      assert.strictEqual(other.headers.allow, "GET, HEAD, DELETE, PUT, PATCH")
      assertProblem(yield* call("/metrics", { method: "PROPFIND" }), 405, "method_not_allowed")
    })
  )

  it.live("serves a path with a slash at its end as well", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      assert.strictEqual((yield* call("/health/live/")).status, 200)
    })
  )

  it.live("answers a body past the limit with 413, announced or not, and goes on serving", () =>
    Effect.gen(function* () {
      const call = yield* serve({ maxBodyBytes: 1000 })
      const body = JSON.stringify({ type: "group", member_ids: [], metadata: { padding: "x".repeat(2000) } })
      const announced = yield* call("/api/v1/conversations", { as: "alice", body })
      assertProblem(announced, 413, "message_too_large")
      assert.deepInclude(announced.json, { limit: 1000 })
      const chunked = { "transfer-encoding": "chunked" }
      assertProblem(
        yield* call("/api/v1/conversations", { as: "alice", body, headers: chunked }),
        413,
        "message_too_large"
      )
      assert.strictEqual((yield* call("/health/live")).status, 200)
    })
  )

  it.live("answers a body that is no JSON with 400, one that does not claim to be with 415", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      for (const body of ["{", "", "nonsense", "\u0000", "{'a':1}"]) {
        assertProblem(
          yield* call("/api/v1/conversations", { as: "alice", method: "POST", body }),
          400,
          "invalid"
        )
      }
      for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "nonsense"
      ]) {
        const headers = { "content-type": type }
        assertProblem(
          yield* call("/api/v1/conversations", { as: "alice", body: "{}", headers }),
          415,
          "unsupported_media_type"
        )
      }
    })
  )

  it.live("answers a defect with 500 and tells nothing of it", () =>
    Effect.gen(function* () {
      const call = yield* serve({ conversations: { show: () => Effect.die(new Error("the secret cause")) } })
      const answer = yield* call(CONVERSATION, { as: "alice" })
      assertProblem(answer, 500, "internal")
      assert.notInclude(answer.text, "secret")
    })
  )

  it.live("answers 500 when what we would say is not what we promised", () =>
    Effect.gen(function* () {
      const call = yield* serve({ conversations: { list: () => Effect.succeed({ items: 7 } as never) } })
      assertProblem(yield* call("/api/v1/conversations", { as: "alice" }), 500, "internal")
    })
  )

  it.live("answers the requests in flight with 503 when the edge stops", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const show = () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
      const { call, stop } = yield* start({ conversations: { show } })
      const answer = yield* Effect.forkChild(call(CONVERSATION, { as: "alice" }))
      yield* Deferred.await(started)
      yield* stop
      assertProblem(yield* Fiber.join(answer), 503, "unavailable")
    })
  )

  it.live("gives up the work for a client that went away", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const givenUp = yield* Deferred.make<void>()
      const show = () =>
        Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
          Effect.onInterrupt(() => Deferred.succeed(givenUp, undefined))
        )
      const { port } = yield* start({ conversations: { show } })
      const headers = { authorization: "Bearer alice" }
      const client = request({ port, host: "127.0.0.1", path: CONVERSATION, headers }).on("error", () => {})
      client.end()
      yield* Deferred.await(started)
      client.destroy()
      yield* Deferred.await(givenUp)
    })
  )
})

describe("HttpEdge: headers and metrics", () => {
  it.live("sends the security headers with every answer", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      for (const path of ["/health", "/nowhere", "/api/v1/conversations", "/metrics"]) {
        assert.deepInclude((yield* call(path)).headers, {
          "content-security-policy":
            "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
          "x-content-type-options": "nosniff",
          "x-frame-options": "DENY",
          "referrer-policy": "no-referrer",
          "cache-control": "no-store"
        })
      }
    })
  )

  it.live("counts requests by method and status, without authentication", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      yield* call("/nowhere")
      const { headers, status, text } = yield* call("/metrics")
      assert.strictEqual(status, 200)
      assert.match(headers["content-type"]!, /^text\/plain; version=0\.0\.4/)
      assert.match(text, /http_requests_total\{method="GET",status="404"\} \d+/)
      assert.match(text, /http_request_duration_ms_count \d+/)
    })
  )
})
