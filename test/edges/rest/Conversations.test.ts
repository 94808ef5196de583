import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ConversationView } from "../../../src/domain/Conversation.ts"
import { defaultMemberSettings, defaultSettings } from "../../../src/domain/ConversationSettings.ts"
import {
  Conflict,
  Forbidden,
  InvalidInput,
  NotMember,
  Overloaded,
  Unavailable
} from "../../../src/domain/Errors.ts"
import { conversationId, identityOf, messageId, serve, userId } from "./RestServer.ts"

const id = conversationId("c")
const PATH = `/api/v1/conversations/${id}`

const conversation: ConversationView = {
  id,
  type: "group",
  external_group_id: null,
  metadata: { name: "us" },
  settings: defaultSettings,
  is_active: true,
  last_seq: 7,
  member_count: 2,
  created_at: "2026-01-01T00:00:00.000Z",
  updated_at: "2026-01-01T00:00:00.000Z"
}

/** What the service was called with, last. */
const recorder = () => {
  const calls: Array<ReadonlyArray<unknown>> = []
  return {
    calls,
    record:
      <A>(answer: A) =>
      (...args: ReadonlyArray<unknown>) => {
        calls.push(args)
        return Effect.succeed(answer)
      }
  }
}

describe("POST /conversations", () => {
  it.live("answers a new conversation with 201 and where it is, an existing one with 200", () =>
    Effect.gen(function* () {
      let created = true
      const { calls, record } = recorder()
      const call = yield* serve({
        conversations: {
          create: (...args) =>
            Effect.flatMap(record(undefined)(...args), () => Effect.succeed({ conversation, created }))
        }
      })
      const body = {
        type: "direct",
        member_ids: [userId("bob").toUpperCase()],
        metadata: { a: 1 },
        unknown: "ignored"
      }
      const first = yield* call("/api/v1/conversations", { as: "alice", body })
      assert.strictEqual(first.status, 201)
      assert.strictEqual(first.headers.location, PATH)
      assert.deepStrictEqual(first.json, conversation)
      assert.deepStrictEqual(calls[0], [
        identityOf("alice"),
        { type: "direct", member_ids: [userId("bob")], metadata: { a: 1 } },
        undefined
      ])
      created = false
      assert.strictEqual((yield* call("/api/v1/conversations", { as: "alice", body })).status, 200)
    })
  )

  it.live("names every wrong field at once", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      const answer = yield* call("/api/v1/conversations", {
        as: "alice",
        body: { type: "crowd", member_ids: [userId("bob"), "nobody"], metadata: [] }
      })
      assert.strictEqual(answer.status, 400)
      const { issues, reason } = answer.json as { issues: ReadonlyArray<{ path: string }>; reason: string }
      assert.strictEqual(reason, "invalid")
      assert.sameMembers(
        issues.map(({ path }) => path),
        ["type", "member_ids.1", "metadata"]
      )
    })
  )

  it.live("lists only so many of a thousand wrong ids", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      const answer = yield* call("/api/v1/conversations", {
        as: "alice",
        body: { type: "group", member_ids: Array.from({ length: 1000 }, () => "x") }
      })
      assert.lengthOf((answer.json as { issues: ReadonlyArray<unknown> }).issues, 20)
    })
  )

  it.live("does not look into a list of more than a thousand", () =>
    Effect.gen(function* () {
      const call = yield* serve({})
      const member_ids = Array.from({ length: 1_001 }, () => 1)
      const answer = yield* call("/api/v1/conversations", {
        as: "alice",
        body: { type: "group", member_ids }
      })
      assert.strictEqual(answer.status, 400)
      const { issues } = answer.json as { readonly issues: unknown }
      assert.deepStrictEqual(issues, [{ path: "member_ids", message: "Expected at most 1000 items" }])
    })
  )

  it.live("answers what the service refuses from the one table", () =>
    Effect.gen(function* () {
      for (const [refusal, status] of [
        [new InvalidInput({ issues: [{ path: "member_ids", message: "one other" }] }), 400],
        [new Conflict({ what: "group" }), 409],
        [new Overloaded({ what: "mailbox" }), 503],
        [new Unavailable({ what: "database" }), 503]
      ] as const) {
        const call = yield* serve({ conversations: { create: () => Effect.fail(refusal) } })
        const answer = yield* call("/api/v1/conversations", {
          as: "alice",
          body: { type: "group", member_ids: [] }
        })
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.headers["content-type"], "application/problem+json")
      }
    })
  )
})

describe("GET /conversations", () => {
  it.live("answers a page of conversations with one's own position in each", () =>
    Effect.gen(function* () {
      const { calls, record } = recorder()
      const page = {
        items: [
          {
            conversation,
            role: "owner" as const,
            settings: defaultMemberSettings,
            lastReadSeq: 3,
            unreadCount: 4,
            unreadMentions: 1
          }
        ],
        nextCursor: "further"
      }
      const call = yield* serve({ conversations: { list: record(page) } })
      const answer = yield* call("/api/v1/conversations?cursor=here&limit=10&unknown=1", { as: "alice" })
      assert.strictEqual(answer.status, 200)
      assert.deepStrictEqual(answer.json, {
        items: [
          {
            ...conversation,
            role: "owner",
            my_settings: defaultMemberSettings,
            last_read_seq: 3,
            unread_count: 4,
            unread_mentions: 1
          }
        ],
        next_cursor: "further"
      })
      assert.deepStrictEqual(calls[0], [identityOf("alice"), { cursor: "here", limit: 10 }])
      yield* call("/api/v1/conversations", { as: "alice" })
      assert.deepStrictEqual(calls[1], [identityOf("alice"), { cursor: undefined, limit: 50 }])
    })
  )

  it.live("refuses a page size that is none", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      for (const limit of ["0", "-1", "201", "1.5", "many", ""]) {
        const answer = yield* call(`/api/v1/conversations?limit=${limit}`, { as: "alice" })
        assert.strictEqual(answer.status, 400, limit)
        assert.deepInclude((answer.json as { issues: ReadonlyArray<object> }).issues[0], { path: "limit" })
      }
    })
  )
})

describe("/conversations/{id}", () => {
  it.live("shows one", () =>
    Effect.gen(function* () {
      const { calls, record } = recorder()
      const call = yield* serve({ conversations: { show: record(conversation) } })
      assert.deepStrictEqual((yield* call(PATH, { as: "alice" })).json, conversation)
      assert.deepStrictEqual(calls[0], [identityOf("alice"), id])
    })
  )

  it.live("answers a stranger with 403, and an id that is none with 400", () =>
    Effect.gen(function* () {
      const call = yield* serve({ conversations: { show: () => Effect.fail(new NotMember()) } })
      const stranger = yield* call(PATH, { as: "mallory" })
      assert.strictEqual(stranger.status, 403)
      assert.deepInclude(stranger.json, { reason: "not_member" })
      const wrong = yield* call("/api/v1/conversations/1%27%20OR%201=1", { as: "mallory" })
      assert.strictEqual(wrong.status, 400)
      assert.deepInclude(wrong.json, { issues: [{ path: "conversation_id", message: "Expected a UUID" }] })
    })
  )

  it.live("replaces the metadata by PUT and by PATCH", () =>
    Effect.gen(function* () {
      const { calls, record } = recorder()
      const call = yield* serve({ conversations: { update: record(conversation) } })
      for (const method of ["PUT", "PATCH"]) {
        const answer = yield* call(PATH, { as: "alice", method, body: { metadata: { name: "we" } } })
        assert.strictEqual(answer.status, 200)
        assert.deepStrictEqual(answer.json, conversation)
      }
      assert.deepStrictEqual(calls, [
        [identityOf("alice"), id, { name: "we" }, undefined],
        [identityOf("alice"), id, { name: "we" }, undefined]
      ])
    })
  )

  it.live("refuses an update without the right", () =>
    Effect.gen(function* () {
      const call = yield* serve({
        conversations: { update: () => Effect.fail(new Forbidden({ rule: "role:update" })) }
      })
      const answer = yield* call(PATH, { as: "bob", method: "PATCH", body: { metadata: {} } })
      assert.strictEqual(answer.status, 403)
      assert.deepInclude(answer.json, { reason: "forbidden", rule: "role:update" })
    })
  )
})

describe("POST /conversations/{id}/mark-as-read and /delivered", () => {
  const position = { last_read_seq: 5, last_delivered_seq: 5 }

  for (const [path, method] of [
    ["mark-as-read", "markRead"],
    ["delivered", "markDelivered"]
  ] as const) {
    it.live(`${path}: takes a seq, a message, or nothing for all there is now`, () =>
      Effect.gen(function* () {
        const { calls, record } = recorder()
        const call = yield* serve({
          conversations: {
            [method]: record(position)
          }
        })
        const bodies = [{ seq: 5 }, { message_id: messageId("m") }, {}, undefined]
        for (const body of bodies) {
          const answer = yield* call(`${PATH}/${path}`, { as: "alice", method: "POST", body })
          assert.strictEqual(answer.status, 200)
          assert.deepStrictEqual(answer.json, position)
        }
        const caller = { identity: identityOf("alice"), sessionId: null }
        assert.deepStrictEqual(
          calls,
          [{ seq: 5 }, { message_id: messageId("m") }, {}, {}].map((upTo) => [caller, id, upTo])
        )
      })
    )
  }
})
