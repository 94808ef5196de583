import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  ContentRejected,
  Forbidden,
  MessageTooLarge,
  NotFound,
  NotMember,
  RateLimited,
  UserBlocked
} from "../../../src/domain/Errors.ts"
import type { Message } from "../../../src/domain/Message.ts"
import type { IdempotencyStore } from "../../../src/domain/ports/IdempotencyStore.ts"
import { clientRandomOf } from "../../../src/edges/rest/IdempotencyKey.ts"
import { conversationId, identityOf, messageId, serve, userId } from "./RestServer.ts"

const id = conversationId("c")
const PATH = `/api/v1/conversations/${id}/messages`
const caller = { identity: identityOf("alice"), sessionId: null }

/** Whatever is asked may be run. */
const idempotency: Partial<IdempotencyStore["Service"]> = {
  claim: () => Effect.succeed({ _tag: "Claimed", id: messageId("new"), claim: "claim" })
}

const messageAt = (seq: number): Message => ({
  id: messageId(`m${seq}`),
  conversation_id: id,
  seq,
  version_seq: seq,
  sender_id: userId("alice"),
  reply_to_id: null,
  message_type: "text",
  content: `message ${seq}`,
  metadata: {},
  client_random: seq,
  sent_at: "2026-01-01T00:00:00.000Z",
  edited_at: null,
  edit_count: 0,
  expires_at: null,
  is_deleted: false,
  is_pinned: false,
  reactions: [],
  attachments: []
})

const message = messageAt(1)

/** A service that stores whatever it is sent as `message`, and tells what it was sent. */
const storing = (duplicate = false) => {
  const sent: Array<ReadonlyArray<unknown>> = []
  return {
    sent,
    conversations: {
      send: (...args: ReadonlyArray<unknown>) => {
        sent.push(args)
        return Effect.succeed({ message_id: message.id, seq: 1, sent_at: message.sent_at, duplicate })
      },
      message: () => Effect.succeed(message)
    }
  }
}

describe("POST /conversations/{id}/messages", () => {
  it.live("answers the stored message with 201, a duplicate with 200", () =>
    Effect.gen(function* () {
      for (const duplicate of [false, true]) {
        const { conversations, sent } = storing(duplicate)
        const call = yield* serve({ conversations })
        const body = { content: "hello", client_random: 9, sender_id: userId("bob"), message_type: "text" }
        const answer = yield* call(PATH, { as: "alice", body })
        assert.strictEqual(answer.status, duplicate ? 200 : 201)
        assert.strictEqual(answer.headers.location, `${PATH}/${message.id}`)
        assert.deepStrictEqual(answer.json, message)
        assert.deepStrictEqual(sent, [
          [caller, id, { content: "hello", client_random: 9, message_type: "text" }]
        ])
      }
    })
  )

  it.live("makes the client_random of an Idempotency-Key, the same for the same key", () =>
    Effect.gen(function* () {
      const { conversations, sent } = storing()
      const call = yield* serve({ conversations, idempotency })
      for (const key of ["key-1", "key-1", "key-2"]) {
        const headers = { "idempotency-key": key }
        assert.strictEqual(
          (yield* call(PATH, { as: "alice", body: { content: "hello" }, headers })).status,
          201
        )
      }
      const randoms = sent.map(([, , body]) => (body as { client_random: number }).client_random)
      assert.deepStrictEqual(randoms, ["key-1", "key-1", "key-2"].map(clientRandomOf))
      assert.notStrictEqual(randoms[0], randoms[2])
    })
  )

  it.live("prefers the body's own client_random to the key", () =>
    Effect.gen(function* () {
      const { conversations, sent } = storing()
      const call = yield* serve({ conversations, idempotency })
      const headers = { "idempotency-key": "key" }
      yield* call(PATH, { as: "alice", body: { content: "hello", client_random: 4 }, headers })
      assert.deepInclude(sent[0]?.[2], { client_random: 4 })
    })
  )

  it.live("names what is wrong, and does not send it", () =>
    Effect.gen(function* () {
      const { conversations, sent } = storing()
      const call = yield* serve({ conversations })
      for (const [body, path] of [
        [{ client_random: 1 }, "content"],
        [{ content: 5, client_random: 1 }, "content"],
        [{ content: "hello" }, "client_random"],
        [{ content: "hello", client_random: -1 }, "client_random"],
        [{ content: "hello", client_random: 1.5 }, "client_random"],
        [{ content: "hello", client_random: 2 ** 53 }, "client_random"],
        [{ content: "hello", client_random: "1" }, "client_random"],
        [{ content: "hello", client_random: 1, message_type: "system" }, "message_type"],
        [{ content: "hello", client_random: 1, reply_to_id: "x" }, "reply_to_id"],
        [{ content: "hello", client_random: 1, metadata: "x" }, "metadata"],
        [[], ""]
      ] as const) {
        const answer = yield* call(PATH, { as: "alice", body })
        assert.strictEqual(answer.status, 400, JSON.stringify(body))
        assert.deepInclude((answer.json as { issues: ReadonlyArray<object> }).issues[0], { path })
      }
      assert.isEmpty(sent)
    })
  )

  it.live("answers every way a send may be refused", () =>
    Effect.gen(function* () {
      for (const [refusal, status] of [
        [new MessageTooLarge({ limit: 10 }), 413],
        [new RateLimited({ scope: "message", limit: 1000, retryAfterMs: 100 }), 429],
        [new UserBlocked({ until: 0 }), 403],
        [new ContentRejected({ rule: "repetition" }), 422],
        [new Forbidden({ rule: "role:send" }), 403],
        [new NotFound({ what: "message to reply to" }), 404],
        [new NotMember(), 403]
      ] as const) {
        const call = yield* serve({ conversations: { send: () => Effect.fail(refusal) } })
        const answer = yield* call(PATH, { as: "alice", body: { content: "hello", client_random: 1 } })
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.headers["content-type"], "application/problem+json")
      }
    })
  )
})

describe("GET /conversations/{id}/messages", () => {
  /** Ten messages, paged as the service pages them. */
  const ten = Array.from({ length: 10 }, (_, n) => messageAt(n + 1))
  const history = (
    _: unknown,
    __: unknown,
    { after_seq, before_seq, limit = 50 }: { after_seq?: number; before_seq?: number; limit?: number }
  ) => {
    if (after_seq !== undefined) {
      const rest = ten.filter(({ seq }) => seq > after_seq)
      return Effect.succeed({ items: rest.slice(0, limit), has_more: rest.length > limit })
    }
    const rest = ten.filter(({ seq }) => before_seq === undefined || seq < before_seq)
    return Effect.succeed({ items: rest.slice(-limit), has_more: rest.length > limit })
  }
  const serveHistory = serve({ conversations: { history } })

  interface Page {
    readonly items: ReadonlyArray<Message>
    readonly next_cursor: string | null
  }

  for (const [start, expected] of [
    [
      "",
      [
        [7, 8, 9, 10],
        [3, 4, 5, 6],
        [1, 2]
      ]
    ],
    ["before_seq=6&", [[2, 3, 4, 5], [1]]],
    [
      "after_seq=0&",
      [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10]
      ]
    ],
    ["after_seq=6&", [[7, 8, 9, 10]]]
  ] as const) {
    it.live(`pages on by next_cursor from "${start}" to the end`, () =>
      Effect.gen(function* () {
        const call = yield* serveHistory
        const pages: Array<ReadonlyArray<number>> = []
        let query: string | undefined = start
        while (query !== undefined) {
          const { items, next_cursor }: Page = (yield* call(`${PATH}?${query}limit=4`, { as: "alice" }))
            .json as Page
          pages.push(items.map(({ seq }) => seq))
          query = next_cursor === null ? undefined : `cursor=${encodeURIComponent(next_cursor)}&`
        }
        assert.deepStrictEqual(pages, expected as never)
      })
    )
  }

  it.live("refuses positions that are none, or contradict each other", () =>
    Effect.gen(function* () {
      const call = yield* serveHistory
      for (const query of [
        "after_seq=-1",
        "before_seq=x",
        "before_seq=1.5",
        "after_seq=1&before_seq=3",
        "cursor=after-1&after_seq=1",
        "cursor=nonsense",
        "cursor=after-99999999999999999999",
        "limit=0",
        "limit=201"
      ]) {
        const answer = yield* call(`${PATH}?${query}`, { as: "alice" })
        assert.strictEqual(answer.status, 400, query)
        assert.deepInclude(answer.json, { reason: "invalid" })
      }
    })
  )
})

describe("/conversations/{id}/messages/{message_id}", () => {
  it.live("shows one message", () =>
    Effect.gen(function* () {
      const call = yield* serve({ conversations: { message: () => Effect.succeed(message) } })
      assert.deepStrictEqual((yield* call(`${PATH}/${message.id}`, { as: "alice" })).json, message)
    })
  )

  it.live("answers 404 for one that is not there", () =>
    Effect.gen(function* () {
      const missing = () => Effect.fail(new NotFound({ what: "message" }))
      const call = yield* serve({
        conversations: { message: missing, markRead: missing, markDelivered: missing },
        statuses: { message: missing }
      })
      for (const [path, method] of [
        ["/status", "GET"],
        ["", "GET"],
        ["/mark-as-read", "POST"],
        ["/delivered", "POST"]
      ] as const) {
        const answer = yield* call(`${PATH}/${message.id}${path}`, { as: "alice", method })
        assert.deepInclude(answer.json, { status: 404, reason: "not_found" })
      }
    })
  )

  it.live("marks everything up to it as read, or as delivered", () =>
    Effect.gen(function* () {
      const position = { last_read_seq: 4, last_delivered_seq: 4 }
      const marked: Array<ReadonlyArray<unknown>> = []
      const mark =
        (what: string) =>
        (...args: ReadonlyArray<unknown>) => {
          marked.push([what, ...args])
          return Effect.succeed(position)
        }
      const call = yield* serve({
        conversations: {
          markRead: mark("read"),
          markDelivered: mark("delivered")
        }
      })
      const one = `${PATH}/${messageId("m4")}`
      assert.deepStrictEqual(
        (yield* call(`${one}/mark-as-read`, { as: "alice", method: "POST" })).json,
        position
      )
      assert.deepStrictEqual(
        (yield* call(`${one}/delivered`, { as: "alice", method: "POST" })).json,
        position
      )
      assert.deepStrictEqual(marked, [
        ["read", caller, id, { message_id: messageId("m4") }],
        ["delivered", caller, id, { message_id: messageId("m4") }]
      ])
    })
  )
})
