import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { ConversationStore } from "../../src/domain/ports/ConversationStore.ts"
import { SyncStore } from "../../src/domain/ports/SyncStore.ts"
import * as PgSyncStore from "../../src/layers/PgSyncStore.ts"
import * as Databases from "../contract/Databases.ts"
import { conversationId, group, userId } from "../contract/Fixtures.ts"

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
  })
}
