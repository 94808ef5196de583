/** What a device is told, decided from what the queue and the database say. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as UserSync from "../../../src/actors/user/UserSync.ts"
import { Unavailable } from "../../../src/domain/Errors.ts"
import type { ConversationId, DeviceId } from "../../../src/domain/Ids.ts"
import type { Message } from "../../../src/domain/Message.ts"
import { MessageQueueCache, type OpenQueue } from "../../../src/domain/ports/MessageQueueCache.ts"
import { MessageStore } from "../../../src/domain/ports/MessageStore.ts"
import { type Backlog, SyncStore } from "../../../src/domain/ports/SyncStore.ts"
import * as SyncCursor from "../../../src/domain/SyncCursor.ts"
import { conversationId, messageId, userId } from "../../contract/Fixtures.ts"

const identity = {
  userId: userId(),
  deviceId: "phone" as DeviceId,
  tokenId: "t",
  trust: "normal",
  scopes: [],
  issuedAt: 0,
  expiresAt: 1
} as const

const [a, b] = [conversationId(), conversationId()]

const row = (fields: Partial<Backlog>): Backlog => ({
  conversationId: a,
  lastSeq: 10,
  joinedSeq: 0,
  clearedSeq: 0,
  deliveredSeq: 0,
  changedFrom: undefined,
  retention: null,
  ...fields
})

const queue = (fields: Partial<OpenQueue>): OpenQueue => ({
  status: "resumed",
  after: "50000-0",
  end: "60000-0",
  token: 1,
  mark: "",
  entries: [],
  ...fields
})

interface Given {
  /** `undefined`: the queue cannot be reached. */
  readonly opened: OpenQueue | undefined
  readonly rows?: ReadonlyArray<Backlog>
  readonly cursor?: string
  readonly maxPending?: number
  readonly changed?: ReadonlyArray<ConversationId>
}

const planned = Effect.fnUntraced(function* ({
  changed = [],
  cursor,
  maxPending = 100,
  opened,
  rows = []
}: Given) {
  const askedOfLists: Array<{ readonly since: number; readonly limit: number }> = []
  const asked: Array<{
    readonly since: number
    readonly undelivered: boolean
    readonly named: ReadonlyArray<string>
  }> = []
  const ports = Layer.mergeAll(
    Layer.mock(MessageQueueCache)({
      open: () =>
        opened === undefined ? Effect.fail(new Unavailable({ what: "queue" })) : Effect.succeed(opened)
    }),
    Layer.mock(SyncStore)({
      backlog: (_userId, options) => {
        asked.push(options)
        return Effect.succeed(rows)
      },
      changed: (_userId, options) => {
        askedOfLists.push(options)
        return Effect.succeed(changed)
      },
      unread: () => Effect.succeed({ total: 3, conversations: [], has_more: false })
    }),
    Layer.mock(MessageStore)({})
  )
  const plan = yield* Effect.flatMap(UserSync.UserSync, (sync) => sync.plan(identity, cursor)).pipe(
    Effect.provide(UserSync.layer({ maxPending, maxConversations: 100 }).pipe(Layer.provide(ports)))
  )
  return { plan, asked, askedOfLists }
})

const newsOf = (plan: UserSync.Plan) =>
  plan._tag === "CatchUp" ? plan.news.map(({ after, upTo }) => [after, upTo]) : plan.reason

describe("What a device is told", () => {
  it.effect("begins where the queue says, though nothing was active since", () =>
    Effect.gen(function* () {
      const entries = [
        { id: "50001-0", conversationId: a, fromSeq: 8 },
        { id: "50002-0", conversationId: a, fromSeq: 9 }
      ]
      const { asked, plan } = yield* planned({ opened: queue({ entries }), rows: [row({})] })
      assert.deepStrictEqual(newsOf(plan), [[7, 10]])
      assert.deepStrictEqual(asked, [
        { since: 40_000, undelivered: false, named: [a], limit: 101, lookBack: 101 }
      ] as never)
    })
  )

  it.effect("holds what the queue has not, by the time of its changes", () =>
    Effect.gen(function* () {
      const { plan } = yield* planned({
        opened: queue({}),
        rows: [row({ changedFrom: 6 }), row({ conversationId: b, changedFrom: undefined })]
      })
      assert.deepStrictEqual(newsOf(plan), [[5, 10]])
    })
  )

  it.effect("is not cut short by a queue that has lost an earlier reference", () =>
    Effect.gen(function* () {
      const entries = [{ id: "50001-0", conversationId: a, fromSeq: 9 }]
      const { plan } = yield* planned({ opened: queue({ entries }), rows: [row({ changedFrom: 6 })] })
      assert.deepStrictEqual(newsOf(plan), [[5, 10]])
    })
  )

  it.effect("leaves out what the cursor says was told, or the mark that was kept with it", () =>
    Effect.gen(function* () {
      const cursor = SyncCursor.encode({ id: "50000-0", seen: new Map([[a, 9]]) })
      const rows = [row({ changedFrom: 6 })]
      assert.deepStrictEqual(newsOf((yield* planned({ opened: queue({}), rows, cursor })).plan), [[9, 10]])
      assert.deepStrictEqual(newsOf((yield* planned({ opened: queue({ mark: cursor }), rows })).plan), [
        [9, 10]
      ])
      const entries = [{ id: "50001-0", conversationId: a, fromSeq: 8 }]
      assert.deepStrictEqual(newsOf((yield* planned({ opened: queue({ entries }), rows, cursor })).plan), [
        [9, 10]
      ])
    })
  )

  it.effect("is, for a device never seen, what nobody has acknowledged since the user joined", () =>
    Effect.gen(function* () {
      const { asked, plan } = yield* planned({
        opened: queue({ status: "new" }),
        rows: [row({ deliveredSeq: 4 }), row({ conversationId: b, joinedSeq: 7 })]
      })
      assert.deepStrictEqual(newsOf(plan), [
        [4, 10],
        [7, 10]
      ])
      assert.isTrue(asked[0]?.undelivered)
    })
  )

  it.effect("is the newest where there is too much, and says of which conversation", () =>
    Effect.gen(function* () {
      const { plan } = yield* planned({ opened: queue({ status: "new" }), rows: [row({})], maxPending: 3 })
      assert.deepStrictEqual(newsOf(plan), [[7, 10]])
      assert.deepStrictEqual(plan._tag === "CatchUp" && plan.truncated, [a])
    })
  )

  it.effect("is to reset, with what is unread, when the queue has lost it or the cursor is none", () =>
    Effect.gen(function* () {
      for (const [status, cursor, reason] of [
        ["lost", "1-0", "lost"],
        ["trimmed", "1-0", "trimmed"],
        ["resumed", "nonsense", "lost"]
      ] as const) {
        const { plan } = yield* planned({ opened: queue({ status }), cursor })
        assert.deepInclude(plan, { _tag: "Reset", reason, cursor: "60000-0" })
      }
    })
  )

  it.effect("names the conversations that have changed since, with the margin of the clocks", () =>
    Effect.gen(function* () {
      const { askedOfLists, plan } = yield* planned({ opened: queue({}), changed: [b, a] })
      assert.deepStrictEqual(plan._tag === "CatchUp" && plan.conversations, [b, a])
      assert.deepStrictEqual(askedOfLists, [{ since: 40_000, limit: 101 }])
    })
  )

  it.effect("names no conversations to a device never seen, which has no list", () =>
    Effect.gen(function* () {
      const { askedOfLists, plan } = yield* planned({ opened: queue({ status: "new" }), changed: [a] })
      assert.deepStrictEqual(plan._tag === "CatchUp" && plan.conversations, [])
      assert.deepStrictEqual(askedOfLists, [])
    })
  )

  it.effect("is to reset when more conversations have changed than are told", () =>
    Effect.gen(function* () {
      const changed = Array.from({ length: 101 }, () => conversationId())
      const { plan } = yield* planned({ opened: queue({}), changed, rows: [row({ changedFrom: 6 })] })
      assert.deepInclude(plan, { _tag: "Reset", reason: "trimmed", cursor: "60000-0" })
      const { plan: told } = yield* planned({ opened: queue({}), changed: changed.slice(1) })
      assert.deepStrictEqual(told._tag === "CatchUp" && told.conversations, changed.slice(1))
    })
  )

  it.effect(
    "is to reset when more conversations have messages than are told, of which the rest would be lost",
    () =>
      Effect.gen(function* () {
        const rows = Array.from({ length: 101 }, () =>
          row({ conversationId: conversationId(), changedFrom: 6 })
        )
        const { plan } = yield* planned({ opened: queue({}), rows })
        assert.deepInclude(plan, { _tag: "Reset", reason: "trimmed", cursor: "60000-0" })
        const { plan: told } = yield* planned({ opened: queue({}), rows: rows.slice(1) })
        assert.lengthOf(newsOf(told), 100)
      })
  )

  it.effect("comes from the database alone while the queue is away", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(100_000)
      const { asked, plan } = yield* planned({
        opened: undefined,
        rows: [row({ changedFrom: 6 })],
        cursor: "50000-3"
      })
      assert.deepStrictEqual(newsOf(plan), [[5, 10]])
      assert.strictEqual(asked[0]?.since, 40_000)
      assert.isTrue(plan._tag === "CatchUp" && plan.cursor.startsWith("t90000-0."))
    })
  )

  it.effect("goes on by time from a cursor that was made while the queue was away", () =>
    Effect.gen(function* () {
      const { asked, plan } = yield* planned({
        opened: queue({ status: "lost" }),
        rows: [row({ changedFrom: 6 })],
        cursor: SyncCursor.encode({ id: "50000-0", seen: new Map([[a, 7]]), byTime: true })
      })
      assert.deepStrictEqual(newsOf(plan), [[7, 10]])
      assert.strictEqual(asked[0]?.since, 40_000)
    })
  )

  it.effect("is a tombstone where the conversation keeps messages no longer, deleted already or not", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(100_000)
      const sent = (seq: number, sentAt: number, fields: Partial<Message> = {}): Message => ({
        id: messageId(),
        conversation_id: a,
        seq,
        version_seq: seq,
        sender_id: identity.userId,
        reply_to_id: null,
        message_type: "text",
        content: "hello",
        metadata: {},
        client_random: seq,
        sent_at: new Date(sentAt).toISOString(),
        edited_at: null,
        edit_count: 0,
        expires_at: null,
        is_deleted: false,
        is_pinned: false,
        reactions: [],
        attachments: [],
        ...fields
      })
      const items = [
        sent(1, 39_000),
        sent(2, 39_000, { is_deleted: true, content: null }),
        sent(3, 41_000),
        sent(4, 90_000, { expires_at: new Date(95_000).toISOString() })
      ]
      const pageOf = (retention: number | null) =>
        Effect.flatMap(UserSync.UserSync, (sync) =>
          sync.page(identity, { conversationId: a, after: 0, upTo: 4, clearedSeq: 0, retention }, 0)
        ).pipe(
          Effect.map(({ messages }) => messages.map(({ content, is_deleted }) => [content, is_deleted])),
          Effect.provide(
            UserSync.layer({ maxPending: 100, maxConversations: 100 }).pipe(
              Layer.provide([
                Layer.mock(MessageQueueCache)({}),
                Layer.mock(SyncStore)({}),
                Layer.mock(MessageStore)({ catchUp: () => Effect.succeed({ items, hasMore: false }) })
              ])
            )
          )
        )
      const [gone, kept] = [
        [null, true],
        ["hello", false]
      ]
      assert.deepStrictEqual(yield* pageOf(60_000), [gone, gone, kept, gone])
      assert.deepStrictEqual(yield* pageOf(null), [kept, gone, kept, gone])
    })
  )
})
