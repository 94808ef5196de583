import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ConversationStore } from "../../../src/domain/ports/ConversationStore.ts"
import { DraftStore } from "../../../src/domain/ports/DraftStore.ts"
import * as Databases from "../../contract/Databases.ts"
import { group, messageId, someTime, userId } from "../../contract/Fixtures.ts"

const databases = { "a Postgres server": Databases.server, "the embedded database": Databases.embedded }

for (const [name, database] of Object.entries(databases)) {
  layer(Databases.storage.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet)), {
    excludeTestServices: true,
    timeout: "60 seconds"
  })(`PgDraftStore on ${name}`, (it) => {
    it.effect("keeps one draft of a user in a conversation, so many in all, and lists the latest first", () =>
      Effect.gen(function* () {
        const [conversations, store] = [yield* ConversationStore, yield* DraftStore]
        const ann = userId()
        const ids = yield* Effect.forEach([1, 2, 3], () =>
          Effect.map(conversations.create(group({ creator: ann })), ({ id }) => id)
        )
        const save = (n: number, content: string, at: number) =>
          store.save(ann, ids[n]!, { content }, { at: someTime + at, maxDrafts: 2 })
        yield* save(0, "first", 1)
        yield* save(1, "second", 2)
        assert.strictEqual((yield* Effect.flip(save(2, "third", 3)))._tag, "Conflict")
        const reply = messageId()
        const draft = { content: "fi\0rst", metadata: { a: 1 }, reply_to_id: reply }
        const saved = yield* store.save(ann, ids[0]!, draft, { at: someTime + 4, maxDrafts: 2 })
        assert.deepStrictEqual(saved, {
          conversation_id: ids[0]!,
          ...draft,
          updated_at: new Date(someTime + 4).toISOString()
        })
        assert.deepStrictEqual(yield* store.get(ann, ids[0]!), saved)
        assert.isUndefined(yield* store.get(userId(), ids[0]!))

        const page = yield* store.list(ann, { cursor: undefined, limit: 1 })
        const rest = yield* store.list(ann, { cursor: page.nextCursor ?? "", limit: 1 })
        assert.deepStrictEqual(
          [...page.items, ...rest.items].map((one) => one.content),
          ["fi\0rst", "second"]
        )
        assert.isNull(rest.nextCursor)
        assert.strictEqual((yield* Effect.flip(store.list(ann, { cursor: "x", limit: 1 })))._tag, "Conflict")

        yield* conversations.removeMember(ids[1]!, null, ann, "owner")
        assert.lengthOf((yield* store.list(ann, { cursor: undefined, limit: 9 })).items, 1)
        yield* save(2, "third", 5)
        assert.lengthOf((yield* store.list(ann, { cursor: undefined, limit: 9 })).items, 2, "out of reach")
        yield* conversations.close(ids[2]!, ann, someTime)
        assert.lengthOf((yield* store.list(ann, { cursor: undefined, limit: 9 })).items, 1)
        assert.deepStrictEqual(
          [yield* store.remove(ann, ids[0]!), yield* store.remove(ann, ids[0]!)],
          [true, false]
        )
        assert.isEmpty((yield* store.list(ann, { cursor: undefined, limit: 9 })).items)
      })
    )
  })
}
