import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Change } from "../../../src/domain/Changes.ts"
import { Conflict, Forbidden, NotFound, NotMember } from "../../../src/domain/Errors.ts"
import { MediaId } from "../../../src/domain/Ids.ts"
import type { Message } from "../../../src/domain/Message.ts"
import { conversationId, identityOf, messageId, serve, userId } from "./RestServer.ts"

const id = conversationId("group")
const mediaId = MediaId.make(id)
const caller = { identity: identityOf("alice"), sessionId: null }
const message: Message = {
  id: messageId("m1"),
  conversation_id: id,
  seq: 1,
  version_seq: 7,
  sender_id: userId("alice"),
  reply_to_id: null,
  message_type: "text",
  content: "hello",
  metadata: {},
  client_random: 1,
  sent_at: "2026-01-01T00:00:00.000Z",
  edited_at: null,
  edit_count: 0,
  expires_at: null,
  is_deleted: false,
  is_pinned: false,
  reactions: [{ reaction: "👍", user_ids: [userId("bob")] }],
  attachments: []
}
const PATH = `/api/v1/conversations/${id}/messages/${message.id}`

/** A service that makes every change, and tells which it was asked for. */
const changing = (changed = true) => {
  const asked: Array<Change> = []
  return {
    asked,
    conversations: {
      change: (by: unknown, conversation: unknown, target: unknown, change: Change) => {
        assert.deepStrictEqual([by, conversation, target], [caller, id, message.id])
        asked.push(change)
        return Effect.succeed(Effect.succeed({ message_id: message.id, version_seq: 7, changed }))
      },
      message: () => Effect.succeed(message)
    }
  }
}

describe("Changes of messages over REST", () => {
  it.live("ask for what the route says, and answer the message with its entity tag", () =>
    Effect.gen(function* () {
      for (const [method, path, body, expected, status] of [
        [
          "PATCH",
          "",
          { content: "new" },
          { kind: "edit", content: "new", metadata: null, expected: null },
          200
        ],
        ["DELETE", "?scope=everyone", undefined, { kind: "delete" }, 200],
        ["POST", "/reactions", { reaction: "👍" }, { kind: "react", reaction: "👍" }, 201],
        [
          "DELETE",
          `/reactions/${encodeURIComponent("👍🏽")}`,
          undefined,
          { kind: "unreact", reaction: "👍🏽" },
          200
        ],
        [
          "POST",
          "/attachments",
          { media_id: mediaId, media_type: "image" },
          { kind: "attach", attachment: { media_id: mediaId, media_type: "image" } },
          201
        ],
        ["POST", "/pin", undefined, { kind: "pin" }, 200],
        ["DELETE", "/pin", undefined, { kind: "unpin" }, 200]
      ] as const) {
        const { asked, conversations } = changing()
        const call = yield* serve({ conversations })
        const answer = yield* call(`${PATH}${path}`, { as: "alice", method, ...(body && { body }) })
        assert.strictEqual(answer.status, status, `${method} ${path}`)
        assert.deepStrictEqual(answer.json, message)
        assert.strictEqual(answer.headers.etag, '"7"')
        assert.deepStrictEqual(asked, [expected])
      }
    })
  )

  it.live("delete for oneself where nothing else is said, and answer nothing", () =>
    Effect.gen(function* () {
      for (const query of ["", "?scope=me"]) {
        const { asked, conversations } = changing()
        const call = yield* serve({ conversations })
        const answer = yield* call(`${PATH}${query}`, { as: "alice", method: "DELETE" })
        assert.strictEqual(answer.status, 204)
        assert.deepStrictEqual(asked, [{ kind: "hide" }])
      }
    })
  )

  it.live("answer 200 to a reaction that was there", () =>
    Effect.gen(function* () {
      const call = yield* serve({ conversations: changing(false).conversations })
      const answer = yield* call(`${PATH}/reactions`, { as: "alice", body: { reaction: "👍" } })
      assert.strictEqual(answer.status, 200)
    })
  )

  it.live("edit only the version of an If-Match", () =>
    Effect.gen(function* () {
      for (const [tag, expected] of [
        ['"7"', 7],
        ["*", null]
      ] as const) {
        const { asked, conversations } = changing()
        const call = yield* serve({ conversations })
        const headers = { "if-match": tag }
        yield* call(PATH, {
          as: "alice",
          method: "PATCH",
          body: { content: "new", metadata: { a: 1 } },
          headers
        })
        assert.deepStrictEqual(asked, [{ kind: "edit", content: "new", metadata: { a: 1 }, expected }])
      }
    })
  )

  it.live("name what is wrong, and change nothing", () =>
    Effect.gen(function* () {
      const { asked, conversations } = changing()
      const call = yield* serve({ conversations })
      for (const [method, path, body, headers] of [
        ["PATCH", "", {}, {}],
        ["PATCH", "", { content: 5 }, {}],
        ["PATCH", "", { content: "new" }, { "if-match": "7" }],
        ["PATCH", "", { content: "new" }, { "if-match": 'W/"7"' }],
        ["DELETE", "?scope=all", undefined, {}],
        ["POST", "/reactions", { reaction: "two words" }, {}],
        ["DELETE", "/reactions/NO", undefined, {}],
        ["POST", "/attachments", { media_id: "x", media_type: "image" }, {}],
        ["POST", "/attachments", { media_id: mediaId, media_type: "smell" }, {}],
        [
          "POST",
          "/attachments",
          { media_id: mediaId, media_type: "image", metadata: { a: "x".repeat(5000) } },
          {}
        ]
      ] as const) {
        const answer = yield* call(`${PATH}${path}`, { as: "alice", method, headers, ...(body && { body }) })
        assert.strictEqual(answer.status, 400, `${method} ${path}`)
        assert.deepInclude(answer.json, { reason: "invalid" })
      }
      assert.isEmpty(asked)
    })
  )

  it.live("answer refusals as problems", () =>
    Effect.gen(function* () {
      for (const [refusal, status] of [
        [new Conflict({ what: "the message has changed since" }), 409],
        [new Forbidden({ rule: "edit:sender_only" }), 403],
        [new NotFound({ what: "message" }), 404],
        [new NotMember(), 403]
      ] as const) {
        const call = yield* serve({ conversations: { change: () => Effect.fail(refusal) } })
        const answer = yield* call(PATH, { as: "alice", method: "PATCH", body: { content: "new" } })
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.headers["content-type"], "application/problem+json")
      }
    })
  )

  it.live("list who reacted, and what is pinned", () =>
    Effect.gen(function* () {
      const pin = { message, pinnedBy: userId("bob"), pinnedAt: 0 }
      const call = yield* serve({
        conversations: { message: () => Effect.succeed(message), pins: () => Effect.succeed([pin]) }
      })
      assert.deepStrictEqual((yield* call(`${PATH}/reactions`, { as: "alice" })).json, {
        items: message.reactions,
        next_cursor: null
      })
      const pinned = `/api/v1/conversations/${id}/pinned-messages`
      assert.deepStrictEqual((yield* call(pinned, { as: "alice" })).json, {
        items: [{ message, pinned_by: userId("bob"), pinned_at: "1970-01-01T00:00:00.000Z" }],
        next_cursor: null
      })
    })
  )
})
