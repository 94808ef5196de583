/** To whom a message was delivered and who has read it, from committed positions; and when, as far as that is kept. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { ConversationId, UserId } from "../../../src/domain/Ids.ts"
import { ConversationStore } from "../../../src/domain/ports/ConversationStore.ts"
import { StatusStore } from "../../../src/domain/ports/StatusStore.ts"
import { UserPreferences } from "../../../src/domain/ports/UserPreferences.ts"
import * as PgUserPreferences from "../../../src/layers/stores/PgUserPreferences.ts"
import * as Databases from "../../contract/Databases.ts"
import { append, change, group, newChange, userId } from "../../contract/Fixtures.ts"
import * as Poll from "../../support/Poll.ts"

const databases = { "a Postgres server": Databases.server, "the embedded database": Databases.embedded }

const advance = (conversationId: ConversationId, userId: UserId, readSeq: number, deliveredSeq: number) =>
  Effect.flatMap(ConversationStore, (store) =>
    Effect.callback<void>((resume) => {
      store.advance({ conversationId, userId, readSeq, deliveredSeq }, (result) =>
        resume(Result.isSuccess(result) ? Effect.void : Effect.die(result.failure))
      )
    })
  )

/** A group of Ann, Bob and Cem in which Ann has said so many things. */
const talk = Effect.fnUntraced(function* (count: number, others = [userId(), userId()]) {
  const [ann, [bob, cem]] = [userId(), others as [UserId, UserId]]
  const store = yield* ConversationStore
  const { id } = yield* store.create(group({ creator: ann, memberIds: [ann, ...others] }))
  const said = yield* Effect.forEach(Array.from({ length: count }), () =>
    append({ conversationId: id, senderId: ann })
  )
  const at = (seq: number) => ({ id: said[seq - 1]!.id, conversation_id: id, seq, sender_id: ann })
  const seen = Effect.fnUntraced(function* (seq: number, viewer = ann, maxListed = 10) {
    return yield* (yield* StatusStore).recipientsOf(at(seq), { viewer, maxListed })
  })
  return { ann, bob, cem, id, at, seen }
})

/** Rows of one conversation; they are written a moment after the positions. */
const rows = Effect.fnUntraced(function* (id: ConversationId) {
  const sql = yield* SqlClient
  return yield* sql<{
    readonly seq: number
    readonly user_id: UserId
    readonly delivered: number | null
    readonly read: number | null
    readonly version: string
  }>`
    SELECT m.seq::float8, s.user_id, (extract(epoch FROM s.delivered_at) * 1000)::float8 AS delivered,
      (extract(epoch FROM s.read_at) * 1000)::float8 AS read, substring(s.id::text FROM 15 FOR 1) AS version
    FROM delivery_statuses s JOIN messages m ON m.id = s.message_id
    WHERE m.conversation_id = ${id} ORDER BY m.seq, s.user_id`
})

const written = (id: ConversationId, count: number) =>
  Poll.until(
    Effect.map(rows(id), (found) => (found.length === count ? found : undefined)),
    { what: `${count} rows` }
  )

for (const [name, database] of Object.entries(databases)) {
  layer(
    Databases.storage.pipe(
      Layer.merge(PgUserPreferences.layer),
      Layer.provideMerge(database),
      Layer.provide(Databases.quiet)
    ),
    { excludeTestServices: true, timeout: "60 seconds" }
  )(`PgStatusStore on ${name}`, (it) => {
    it.effect("says of each recipient how far they are, at once, and when, a moment later", () =>
      Effect.gen(function* () {
        const { ann, at, bob, cem, id, seen } = yield* talk(3)
        yield* append({ conversationId: id, senderId: bob })
        yield* advance(id, bob, 1, 3)
        assert.deepInclude(yield* seen(1), { total: 2, delivered: 1, read: 1 })
        assert.deepInclude(yield* seen(3), { total: 2, delivered: 1, read: 0 })

        const first = yield* written(id, 3)
        assert.deepStrictEqual(
          first.map(({ read, seq, user_id, version }) => [seq, user_id, read !== null, version]),
          [
            [1, bob, true, "7"],
            [2, bob, false, "7"],
            [3, bob, false, "7"]
          ]
        )
        // What had a time keeps it; nobody receives what they have sent.
        yield* advance(id, bob, 4, 4)
        const later = yield* Poll.until(
          Effect.map(rows(id), (found) => (found.every(({ read }) => read !== null) ? found : undefined))
        )
        assert.deepStrictEqual(
          later.map(({ delivered }) => delivered),
          first.map(({ delivered }) => delivered)
        )
        assert.strictEqual(later[0]?.read, first[0]?.read)

        const status = yield* seen(3)
        assert.strictEqual(status.list?.length, 2)
        const of = (user: UserId) => status.list?.find((one) => one.userId === user)
        assert.deepStrictEqual(of(bob), {
          userId: bob,
          isDelivered: true,
          isRead: true,
          deliveredAt: Math.floor(later[2]?.delivered ?? 0),
          readAt: Math.floor(later[2]?.read ?? 0)
        })
        assert.deepStrictEqual(of(cem), {
          userId: cem,
          isDelivered: false,
          isRead: false,
          deliveredAt: undefined,
          readAt: undefined
        })
        assert.isUndefined((yield* seen(1, ann, 1)).list, "too many to be listed")
        assert.strictEqual(at(1).seq, 1)
      })
    )

    it.effect(
      "keeps no times of larger conversations, of what was deleted, and of what was there before",
      () =>
        Effect.gen(function* () {
          const large = yield* talk(1, [userId(), userId(), userId()])
          const small = yield* talk(3)
          yield* change(newChange(small.id, small.at(2).id, { kind: "delete" }))
          const store = yield* ConversationStore
          yield* store.removeMember(small.id, null, small.cem, "member")
          const [dan] = yield* store.addMembers(small.id, [userId()], "member", Date.now())
          yield* append({ conversationId: small.id, senderId: small.ann })
          yield* advance(large.id, large.bob, 1, 1)
          yield* advance(small.id, dan!.userId, 5, 5)
          yield* advance(small.id, small.bob, 5, 5)
          const found = yield* written(small.id, 4)
          assert.deepStrictEqual(
            found.map(({ seq, user_id }) => [seq, user_id]),
            [[1, small.bob], [3, small.bob], ...[small.bob, dan!.userId].sort().map((user) => [5, user])]
          )
          // The large one's was asked for before.
          assert.isEmpty(yield* rows(large.id))
          assert.deepInclude(yield* large.seen(1), { total: 3, delivered: 1, read: 1 })
          assert.deepInclude(yield* small.seen(1), { total: 1, delivered: 1, read: 1 })
        })
    )

    it.effect("shows reading to those only who show theirs, and to oneself", () =>
      Effect.gen(function* () {
        const { ann, bob, cem, id, seen } = yield* talk(1)
        yield* advance(id, bob, 1, 1)
        yield* advance(id, cem, 1, 1)
        yield* written(id, 2)
        const preferences = yield* UserPreferences
        yield* preferences.update(bob, { read_receipts: false })
        const readers = (viewer: UserId) =>
          Effect.map(seen(1, viewer), ({ list, read }) => {
            const named = list?.flatMap(({ isRead, userId }) => (isRead ? [userId] : [])) ?? []
            assert.strictEqual(named.length, read)
            assert.isTrue(list?.every(({ isRead, readAt }) => isRead || readAt === undefined))
            return named
          })
        assert.deepStrictEqual(yield* readers(ann), [cem])
        assert.deepStrictEqual(yield* readers(bob), [bob])
        assert.strictEqual((yield* seen(1)).delivered, 2)
      })
    )

    it.effect("gives times to the newest of many that are read at once", () =>
      Effect.gen(function* () {
        const { bob, id } = yield* talk(210)
        yield* advance(id, bob, 210, 210)
        assert.strictEqual((yield* written(id, 200))[0]?.seq, 11)
      })
    )
  })
}
