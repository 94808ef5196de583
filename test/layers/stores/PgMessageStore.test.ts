import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { SqlClient } from "effect/sql/SqlClient"
import { MessageStore } from "../../../src/domain/ports/MessageStore.ts"
import * as Databases from "../../contract/Databases.ts"
import { append, appendAll, attachment, message, newConversation, userId } from "../../contract/Fixtures.ts"
import { messageStoreContract } from "../../contract/MessageStore.ts"

const over = <A, E, R>(database: Layer.Layer<A, E, R>) =>
  Databases.storage.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet))

const databases = {
  "a Postgres server": over(Databases.server),
  "the embedded database": over(Databases.embedded)
}

for (const [name, storage] of Object.entries(databases)) {
  messageStoreContract(name, storage)

  layer(storage, { excludeTestServices: true, timeout: "60 seconds" })(`PgMessageStore on ${name}`, (it) => {
    it.effect("tells a message's reactions, attachments and pin, and nothing of its neighbours'", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const id = yield* newConversation
        const attachments = [attachment(), attachment({ mediaType: "audio" })]
        const [first, second] = [
          yield* append({ conversationId: id, attachments }),
          yield* append({ conversationId: id })
        ]
        const [ann, bob] = [userId(), userId()]
        for (const [user, reaction] of [
          [bob, "👍"],
          [ann, "👍"],
          [ann, "🎉"]
        ] as const) {
          yield* sql`INSERT INTO message_reactions ${sql.insert({
            id: SecureRandom.uuidV7Unsafe(),
            message_id: second.id,
            user_id: user,
            reaction
          })}`
        }
        yield* sql`INSERT INTO pinned_messages ${sql.insert({
          id: SecureRandom.uuidV7Unsafe(),
          conversation_id: id,
          message_id: first.id,
          pinned_by: ann,
          pinned_at: new Date()
        })}`
        const store = yield* MessageStore
        const told = (yield* store.after(id, 0, 10)).items.map((m) => ({
          pinned: m.is_pinned,
          reactions: m.reactions,
          attached: m.attachments.map((a) => a.id)
        }))
        assert.deepStrictEqual(told, [
          { pinned: true, reactions: [], attached: attachments.map((a) => a.id) },
          {
            pinned: false,
            reactions: [
              { reaction: "👍", user_ids: [bob, ann] },
              { reaction: "🎉", user_ids: [ann] }
            ],
            attached: []
          }
        ])
      })
    )

    it.effect("catches up by version, tombstones included, while history keeps the order of creation", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const id = yield* newConversation
        yield* appendAll(Array.from({ length: 4 }, () => message({ conversationId: id })))
        yield* sql`UPDATE messages SET version_seq = 5, content = convert_to('edited', 'UTF8'), edited_at = now()
          WHERE conversation_id = ${id} AND seq = 2`
        yield* sql`UPDATE messages SET version_seq = 6, content = NULL, is_deleted = true
          WHERE conversation_id = ${id} AND seq = 1`
        const store = yield* MessageStore
        assert.deepStrictEqual(
          (yield* store.catchUp(id, 3, 10)).items.map((m) => [m.seq, m.version_seq, m.content, m.is_deleted]),
          [
            [4, 4, "hello", false],
            [2, 5, "edited", false],
            [1, 6, null, true]
          ]
        )
        assert.deepStrictEqual(
          (yield* store.after(id, 0, 10)).items.map((m) => m.seq),
          [1, 2, 3, 4]
        )
      })
    )
  })
}
