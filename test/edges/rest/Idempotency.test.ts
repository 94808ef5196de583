/** `Idempotency-Key` at the edge: what is asked of the store, and what it makes of its word. */
import { request as httpRequest } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { Forbidden } from "../../../src/domain/Errors.ts"
import type {
  Claim,
  IdempotencyStore,
  KeptAnswer,
  KeyedRequest
} from "../../../src/domain/ports/IdempotencyStore.ts"
import { conversationId, serve, start, userId, uuidOf } from "./RestServer.ts"

const LIST = "/api/v1/conversations"
const body = { type: "group", member_ids: [] }
const decided = uuidOf("decided")

const conversation = (metadata = {}) => ({
  id: conversationId("c"),
  type: "group" as const,
  external_group_id: null,
  metadata,
  settings: {},
  is_active: true,
  last_seq: 0,
  member_count: 1,
  created_at: "2026-01-01T00:00:00.000Z",
  updated_at: "2026-01-01T00:00:00.000Z"
})

/** A store that says this of every request, and notes what it is told. */
const saying = (claim: Claim) => {
  const asked: Array<readonly [KeyedRequest, boolean]> = []
  const settled: Array<KeptAnswer | undefined> = []
  const idempotency: Partial<IdempotencyStore["Service"]> = {
    claim: (request, exclusive) => {
      asked.push([request, exclusive])
      return Effect.succeed(claim)
    },
    settle: (_request, _claimed, answer) => Effect.sync(() => void settled.push(answer))
  }
  return { asked, settled, idempotency }
}

const claimed: Claim = { _tag: "Claimed", id: decided, claim: uuidOf("claim") }

const creating = (metadata = {}) => {
  const ids: Array<string | undefined> = []
  return {
    ids,
    conversations: {
      create: (_caller: unknown, _input: unknown, id?: string) => {
        ids.push(id)
        return Effect.succeed({ conversation: conversation(metadata) as never, created: true })
      }
    }
  }
}

const keyed = (key: string, more: object = {}) => ({
  as: "alice",
  body,
  headers: { "idempotency-key": key },
  ...more
})

describe("Idempotency-Key", () => {
  it.live("gives what is created the id of its key, and keeps the answer with what belongs to it", () =>
    Effect.gen(function* () {
      const { conversations, ids } = creating()
      const { asked, idempotency, settled } = saying(claimed)
      const call = yield* serve({ conversations, idempotency })
      const answer = yield* call(LIST, keyed("key"))
      assert.strictEqual(answer.status, 201)
      assert.deepStrictEqual(ids, [decided])
      const [[request, exclusive]] = asked as [(typeof asked)[number]]
      assert.deepInclude(request, { userId: userId("alice"), key: "key" })
      assert.isTrue(exclusive)
      const location = answer.headers.location
      assert.deepStrictEqual(settled, [
        {
          status: 201,
          headers: { "content-type": "application/json", location: location! },
          body: answer.text
        }
      ])
    })
  )

  it.live("tells requests by method, path and body, whatever their other headers are", () =>
    Effect.gen(function* () {
      const { asked, idempotency } = saying({ _tag: "Running" })
      const call = yield* serve({ idempotency })
      yield* call(LIST, keyed("key"))
      yield* call(LIST, keyed("key", { headers: { "idempotency-key": "key", "x-request-id": "other" } }))
      yield* call(LIST, keyed("key", { body: { type: "group", member_ids: [], metadata: {} } }))
      yield* call("/api/v1/groups", keyed("key"))
      const digests = asked.map(([{ digest }]) => digest)
      assert.strictEqual(digests[0], digests[1])
      assert.strictEqual(new Set(digests).size, 3)
    })
  )

  it.live("answers as the store says: what was answered, 409 while it runs, 422 for another request", () =>
    Effect.gen(function* () {
      const { conversations, ids } = creating()
      const kept = {
        status: 201,
        headers: { location: "/there", "content-type": "application/json" },
        body: "{}"
      }
      for (const [claim, status, reason] of [
        [{ _tag: "Answered", answer: kept }, 201, undefined],
        [{ _tag: "Running" }, 409, "conflict"],
        [{ _tag: "Another" }, 422, "idempotency_key_reused"]
      ] as const) {
        const call = yield* serve({ conversations, ...saying(claim) })
        const answer = yield* call(LIST, keyed("key"))
        assert.strictEqual(answer.status, status)
        assert.strictEqual((answer.json as { reason?: string }).reason, reason)
        assert.strictEqual(answer.headers["idempotency-replayed"], status === 201 ? "true" : undefined)
        if (status === 201) assert.strictEqual(answer.headers.location, "/there")
      }
      assert.isEmpty(ids, "nothing was run")
    })
  )

  it.live("keeps no refusal, no broken request and nothing large: the next one runs", () =>
    Effect.gen(function* () {
      const refusing = { create: () => Effect.fail(new Forbidden({ rule: "no" })) }
      const refused = saying(claimed)
      const call = yield* serve({ conversations: refusing, ...refused })
      assert.strictEqual((yield* call(LIST, keyed("key"))).status, 403)
      assert.strictEqual((yield* call(LIST, keyed("key", { body: {} }))).status, 400)
      assert.deepStrictEqual(refused.settled, [undefined, undefined])

      const large = saying(claimed)
      const { conversations } = creating({ name: "x".repeat(20_000) })
      const other = yield* serve({ conversations, ...large })
      assert.strictEqual((yield* other(LIST, keyed("key"))).status, 201)
      assert.deepStrictEqual(large.settled, [undefined])
    })
  )

  it.live("is 1 to 255 characters long, and says nothing to a GET or a PUT", () =>
    Effect.gen(function* () {
      const { conversations } = creating()
      const { asked, idempotency } = saying(claimed)
      const call = yield* serve({
        conversations: { ...conversations, list: () => Effect.succeed({ items: [], nextCursor: null }) },
        idempotency
      })
      for (const key of ["", "x".repeat(256)]) {
        const answer = yield* call(LIST, keyed(key))
        assert.deepInclude(answer.json, { status: 400, reason: "invalid" })
      }
      assert.strictEqual((yield* call(LIST, keyed("key", { method: "GET", body: undefined }))).status, 200)
      assert.isEmpty(asked)
      assert.strictEqual((yield* call(LIST, keyed("x".repeat(255)))).status, 201)
    })
  )

  it.live("only remembers what may run again: a ticket is never kept", () =>
    Effect.gen(function* () {
      const { asked, idempotency, settled } = saying(claimed)
      const call = yield* serve({ idempotency })
      const answers = [1, 2].map(() =>
        call("/api/v1/socket-tickets", keyed("key", { body: undefined, method: "POST" }))
      )
      const [first, second] = yield* Effect.all(answers)
      assert.deepStrictEqual([first!.status, second!.status], [201, 201])
      assert.notStrictEqual(first!.text, second!.text)
      assert.deepStrictEqual(
        asked.map(([, exclusive]) => exclusive),
        [false, false]
      )
      assert.isEmpty(settled)
    })
  )

  it.live("runs to the end what its client has given up waiting for", () =>
    Effect.gen(function* () {
      const [begun, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const kept = yield* Deferred.make<KeptAnswer | undefined>()
      const { port } = yield* start({
        conversations: {
          create: () =>
            Deferred.succeed(begun, undefined).pipe(
              Effect.andThen(Deferred.await(goOn)),
              Effect.as({ conversation: conversation() as never, created: true })
            )
        },
        idempotency: {
          claim: () => Effect.succeed(claimed),
          settle: (_request, _claimed, answer) => Effect.asVoid(Deferred.succeed(kept, answer))
        }
      })
      const headers = {
        authorization: "Bearer alice",
        "content-type": "application/json",
        "idempotency-key": "key"
      }
      const request = httpRequest({ port, host: "127.0.0.1", path: LIST, method: "POST", headers })
      request.on("error", () => {})
      request.end(JSON.stringify(body))
      yield* Deferred.await(begun)
      request.destroy()
      yield* Effect.callback<void>((resume) => void request.on("close", () => resume(Effect.void)))
      yield* Deferred.succeed(goOn, undefined)
      assert.strictEqual((yield* Deferred.await(kept))?.status, 201)
    })
  )
})
