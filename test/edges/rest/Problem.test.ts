import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import {
  Conflict,
  ContentRejected,
  Forbidden,
  InvalidInput,
  MessageTooLarge,
  NotFound,
  NotMember,
  Overloaded,
  RateLimited,
  type Refusal,
  TokenRejected,
  Unavailable,
  UserBlocked
} from "../../../src/domain/Errors.ts"
import { respond, respondStatus } from "../../../src/edges/rest/Problem.ts"
import { RequestId } from "../../../src/edges/rest/RequestId.ts"

const rendered = Effect.fnUntraced(function* (refusal: Refusal) {
  const response = yield* respond(refusal).pipe(Effect.provideService(RequestId, "request-1"))
  assert.strictEqual(response.body._tag, "Uint8Array")
  const body = response.body._tag === "Uint8Array" ? new TextDecoder().decode(response.body.body) : ""
  return { status: response.status, headers: response.headers, body: JSON.parse(body) }
})

const cases: ReadonlyArray<readonly [Refusal, number, string]> = [
  [new TokenRejected({ reason: "expired" }), 401, "token_expired"],
  [new NotMember(), 403, "not_member"],
  [new Forbidden({ rule: "role:send" }), 403, "forbidden"],
  [new UserBlocked({ until: 0 }), 403, "blocked"],
  [new NotFound({ what: "message" }), 404, "not_found"],
  [new InvalidInput({ issues: [] }), 400, "invalid"],
  [new ContentRejected({ rule: "repetition" }), 422, "content_rejected"],
  [new MessageTooLarge({ limit: 5 }), 413, "message_too_large"],
  [new RateLimited({ scope: "message", limit: 10, retryAfterMs: 1500 }), 429, "rate_limited"],
  [new Conflict({ what: "version" }), 409, "conflict"],
  [new Overloaded({ what: "mailbox" }), 503, "overloaded"],
  [
    new Unavailable({ what: "database", cause: new Error("select secret from passwords") }),
    503,
    "unavailable"
  ]
]

describe("Problem", () => {
  for (const [refusal, status, reason] of cases) {
    it.effect(`answers ${refusal._tag} with ${status} and the reason ${reason}`, () =>
      Effect.gen(function* () {
        const { body, headers, status: sent } = yield* rendered(refusal)
        assert.strictEqual(sent, status)
        assert.strictEqual(headers["content-type"], "application/problem+json")
        assert.deepInclude(body, { type: `/problems/${reason}`, status, reason, request_id: "request-1" })
        assert.isNotEmpty(body.title)
        assert.isNotEmpty(body.detail)
      })
    )
  }

  it.effect("carries what a client needs to act on it", () =>
    Effect.gen(function* () {
      const issues = [{ path: "content", message: "Missing key" }]
      assert.deepInclude((yield* rendered(new InvalidInput({ issues }))).body, {
        issues,
        detail: "content: Missing key"
      })
      assert.deepInclude((yield* rendered(new MessageTooLarge({ limit: 5 }))).body, { limit: 5 })
      assert.deepInclude((yield* rendered(new UserBlocked({ until: 0 }))).body, {
        until: "1970-01-01T00:00:00.000Z"
      })
    })
  )

  it.effect("says in headers when to come back", () =>
    Effect.gen(function* () {
      const limited = yield* rendered(new RateLimited({ scope: "message", limit: 10, retryAfterMs: 1500 }))
      assert.strictEqual(limited.body.retry_after_ms, 1500)
      assert.deepInclude(limited.headers, {
        "retry-after": "2",
        "ratelimit-policy": `"message";q=10`,
        ratelimit: `"message";r=0;t=2`
      })
      assert.strictEqual((yield* rendered(new Overloaded({ what: "mailbox" }))).headers["retry-after"], "1")
      assert.strictEqual((yield* rendered(new Unavailable({ what: "database" }))).headers["retry-after"], "1")
    })
  )

  it.effect("challenges for a token, and calls only a present one invalid", () =>
    Effect.gen(function* () {
      const challenge = (refusal: Refusal) =>
        Effect.map(rendered(refusal), ({ headers }) => headers["www-authenticate"])
      assert.strictEqual(yield* challenge(new TokenRejected({ reason: "missing" })), "Bearer")
      assert.match(
        (yield* challenge(new TokenRejected({ reason: "expired" })))!,
        /^Bearer error="invalid_token"/
      )
    })
  )

  it.effect("tells a cause to the log, and never to the caller", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ message }) => logged.push(message))
      const cause = new Error("select secret")
      const { body } = yield* rendered(new Unavailable({ what: "database", cause })).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      assert.notInclude(JSON.stringify(body), "secret")
      assert.deepStrictEqual(logged, [["Unavailable: database", cause]])
    })
  )

  it.effect("has a reason for a status that only HTTP knows, and none of ours for any other", () =>
    Effect.gen(function* () {
      const reasonOf = (status: number) =>
        Effect.map(respondStatus(status), (response) => {
          assert.strictEqual(response.status, status)
          return response.body._tag === "Uint8Array"
            ? JSON.parse(new TextDecoder().decode(response.body.body)).reason
            : undefined
        })
      assert.strictEqual(yield* reasonOf(405), "method_not_allowed")
      assert.strictEqual(yield* reasonOf(415), "unsupported_media_type")
      assert.strictEqual(yield* reasonOf(418), "bad_request")
      assert.strictEqual(yield* reasonOf(500), "internal")
      assert.strictEqual(yield* reasonOf(599), "internal")
    })
  )
})
