import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { ConversationStore } from "../../../src/domain/ports/ConversationStore.ts"
import { SyncStore } from "../../../src/domain/ports/SyncStore.ts"
import * as PgSyncStore from "../../../src/layers/stores/PgSyncStore.ts"
import * as Databases from "../../contract/Databases.ts"
import {
  append,
  change,
  conversationId,
  group,
  newChange,
  someTime,
  userId
} from "../../contract/Fixtures.ts"

/** The database's, in Unix ms. */
const clock = Effect.gen(function* () {
  const sql = yield* SqlClient
  const [row] = yield* sql<{ readonly now: number }>`
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`
  return row!.now
})

const databases = { "a Postgres server": Databases.server, "the embedded database": Databases.embedded }

for (const [name, database] of Object.entries(databases)) {
  const storage = Layer.merge(Databases.storage, PgSyncStore.layer)
  layer(storage.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet)), {
    excludeTestServices: true,
    timeout: "60 seconds"
  })(`PgSyncStore on ${name}`, (it) => {
    it.effect("says of each conversation how long it keeps its messages", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const conversations = yield* ConversationStore
        const { backlog } = yield* SyncStore
        const creator = userId()
        const ids = [conversationId(), conversationId(), conversationId()]
        for (const id of ids) yield* conversations.create(group({ id, creator }))
        const [forAMinute, forEver] = ids
        yield* sql`
          INSERT INTO conversation_settings (id, conversation_id, settings)
          SELECT c.id, c.id, CASE WHEN c.id = ${forAMinute}::uuid
            THEN '{"retention_seconds":60}'::jsonb ELSE '{"retention_seconds":null}'::jsonb END
          FROM conversations c WHERE c.id IN (${forAMinute}::uuid, ${forEver}::uuid)`
        const rows = yield* backlog(creator, {
          since: 0,
          undelivered: true,
          named: ids,
          limit: 10,
          lookBack: 10
        })
        const kept = new Map(rows.map((row) => [row.conversationId, row.retention]))
        assert.deepStrictEqual(
          ids.map((id) => kept.get(id)),
          [60_000, null, null]
        )
      })
    )

    it.effect("counts as unread what the list does and the figures do: what one can still see", () =>
      Effect.gen(function* () {
        const conversations = yield* ConversationStore
        const { unread } = yield* SyncStore
        const [ann, bob] = [userId(), userId()]
        const id = conversationId()
        yield* conversations.create(group({ id, creator: ann, memberIds: [ann, bob] }))
        const mention = { senderId: ann, metadata: { mentions: [bob] } }
        const send = (fields: object) => append({ conversationId: id, ...mention, ...fields })
        const counts = Effect.gen(function* () {
          const { items } = yield* conversations.listOf(bob, { cursor: undefined, limit: 1 })
          const figures = yield* conversations.stats(id, { countMessages: false, unreadOf: bob })
          const { unreadCount, unreadMentions } = items[0] ?? { unreadCount: 0, unreadMentions: 0 }
          return [(yield* unread(bob)).total, unreadCount, unreadMentions, figures.unread]
        })
        const all = (count: number) => [count, count, count, count]
        yield* send({})
        const second = yield* send({})
        yield* send({ expiresAt: someTime })
        yield* send({ senderId: bob })
        assert.deepStrictEqual(yield* counts, all(2))
        yield* change(newChange(id, second.id, { kind: "hide" }, { userId: ann }))
        assert.deepStrictEqual(yield* counts, all(2), "deleted for another")
        yield* change(newChange(id, second.id, { kind: "hide" }, { userId: bob }))
        assert.deepStrictEqual(yield* counts, all(1))
        yield* conversations.clear(id, bob)
        assert.deepStrictEqual(yield* counts, all(0))
        yield* send({})
        assert.deepStrictEqual(yield* counts, all(1))
      })
    )

    it.effect("says which conversations a member came into or left, and which changed otherwise", () =>
      Effect.gen(function* () {
        const conversations = yield* ConversationStore
        const { changed } = yield* SyncStore
        const [owner, member, other] = [userId(), userId(), userId()]
        const [id, quiet] = [conversationId(), conversationId()]
        for (const each of [id, quiet]) {
          yield* conversations.create(group({ id: each, creator: owner, memberIds: [owner, member] }))
        }
        assert.sameMembers([...(yield* changed(member, { since: 0, limit: 10 }))], [id, quiet])
        assert.lengthOf(yield* changed(member, { since: 0, limit: 1 }), 1)
        const told = <E>(what: string, act: Effect.Effect<unknown, E>) =>
          Effect.gen(function* () {
            const since = yield* clock
            yield* act
            assert.deepStrictEqual(yield* changed(member, { since, limit: 10 }), [id], what)
          })
        yield* told("renamed", conversations.update(id, { name: "new" }, someTime))
        yield* told("configured", conversations.configure(id, { slow_mode_seconds: 5 }))
        yield* told("configured again", conversations.configure(id, { slow_mode_seconds: 6 }))
        yield* told("one's own settings", conversations.prefer(id, member, { pinned: true }))
        yield* told("deleted for oneself", conversations.clear(id, member))
        yield* told("another role", conversations.changeRole(id, owner, member, "admin"))
        yield* told("another added", conversations.addMembers(id, [other], "member", someTime))
        yield* told("another removed", conversations.removeMember(id, owner, other, "member"))
        yield* told("removed", conversations.removeMember(id, owner, member, "admin"))
        const outside = yield* clock
        yield* conversations.update(id, { name: "of others" }, someTime)
        assert.deepStrictEqual(yield* changed(member, { since: outside, limit: 10 }), [])
        yield* told("added again", conversations.addMembers(id, [member], "member", someTime))
        yield* told("deleted", conversations.close(id, owner, someTime))
      })
    )

    it.effect(
      "counts neither messages, nor changes of them, nor positions, nor what others set for themselves",
      () =>
        Effect.gen(function* () {
          const conversations = yield* ConversationStore
          const { changed } = yield* SyncStore
          const [owner, member] = [userId(), userId()]
          const id = conversationId()
          yield* conversations.create(group({ id, creator: owner, memberIds: [owner, member] }))
          const since = yield* clock
          const sent = yield* append({ conversationId: id, senderId: owner })
          yield* change(newChange(id, sent.id, { kind: "react", reaction: "+1" }, { userId: member }))
          yield* change(newChange(id, sent.id, { kind: "hide" }, { userId: member }))
          yield* Effect.callback<void, unknown>((resume) =>
            conversations.advance(
              { conversationId: id, userId: member, readSeq: 2, deliveredSeq: 2 },
              (result) => resume(Effect.fromResult(result))
            )
          )
          yield* conversations.prefer(id, owner, { pinned: true })
          assert.strictEqual((yield* conversations.load(id)).members.get(member)?.lastReadSeq, 2)
          assert.deepStrictEqual(yield* changed(member, { since, limit: 10 }), [])
          assert.deepStrictEqual(yield* changed(owner, { since, limit: 10 }), [id])
        })
    )
  })
}
