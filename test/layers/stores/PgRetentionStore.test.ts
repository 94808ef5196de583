import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { SqlClient } from "effect/sql/SqlClient"
import type { ConversationId } from "../../../src/domain/Ids.ts"
import { RetentionStore } from "../../../src/domain/ports/RetentionStore.ts"
import * as Databases from "../../contract/Databases.ts"
import { append, newConversation, someTime } from "../../contract/Fixtures.ts"

const databases = { "a Postgres server": Databases.server, "the embedded database": Databases.embedded }

const set = (id: ConversationId, settings: object) =>
  Effect.flatMap(SqlClient, (sql) =>
    sql.unsafe(
      `INSERT INTO conversation_settings (id, conversation_id, settings) VALUES ($1, $2, $3::text::jsonb)
       ON CONFLICT (conversation_id) DO UPDATE SET settings = excluded.settings`,
      [SecureRandom.uuidV7Unsafe(), id, JSON.stringify(settings)]
    )
  )

for (const [name, database] of Object.entries(databases)) {
  layer(Databases.storage.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet)), {
    excludeTestServices: true,
    timeout: "60 seconds"
  })(`PgRetentionStore on ${name}`, (it) => {
    it.effect(
      "finds a conversation at once when it is set to keep its messages for a while, and then when told",
      () =>
        Effect.gen(function* () {
          const { advance, due } = yield* RetentionStore
          const [id, other] = [yield* newConversation, yield* newConversation]
          yield* set(other, { who_may_post: "admins" })
          yield* set(id, { retention_seconds: 60 })
          const found = { conversationId: id, retention: 60_000, retainedSeq: 0 }
          assert.deepStrictEqual(yield* due(someTime, 10), [found])
          yield* advance(found, 5, someTime + 1)
          assert.deepStrictEqual(yield* due(someTime, 10), [])
          assert.deepStrictEqual(yield* due(someTime + 1, 10), [{ ...found, retainedSeq: 5 }])
        })
    )

    it.effect("begins anew when the settings change, whatever is noted meanwhile", () =>
      Effect.gen(function* () {
        const { advance, due } = yield* RetentionStore
        const id = yield* newConversation
        yield* set(id, { retention_seconds: 60 })
        const old = { conversationId: id, retention: 60_000, retainedSeq: 0 }
        yield* advance(old, 3, someTime + 60_000)
        yield* set(id, { retention_seconds: 10 })
        yield* advance(old, 4, someTime + 120_000)
        const of = (conversation: ConversationId) =>
          Effect.map(due(someTime, 10), (all) => all.filter((one) => one.conversationId === conversation))
        assert.deepStrictEqual(yield* of(id), [{ conversationId: id, retention: 10_000, retainedSeq: 3 }])
        yield* set(id, { retention_seconds: null })
        assert.deepStrictEqual(yield* of(id), [])
      })
    )

    it.effect("reads a conversation's messages in order, without their content", () =>
      Effect.gen(function* () {
        const { after } = yield* RetentionStore
        const id = yield* newConversation
        for (let n = 0; n < 3; n++) yield* append({ conversationId: id, content: "long" })
        const read = yield* after(id, 1, 10)
        assert.deepStrictEqual(
          read.map((message) => [message.seq, message.content]),
          [
            [2, null],
            [3, null]
          ]
        )
        assert.deepStrictEqual(
          (yield* after(id, 0, 1)).map((message) => message.seq),
          [1]
        )
      })
    )
  })
}
