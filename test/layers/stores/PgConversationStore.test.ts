import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ConversationStore } from "../../../src/domain/ports/ConversationStore.ts"
import { Database } from "../../../src/layers/database/Database.ts"
import { conversationStoreContract } from "../../contract/ConversationStore.ts"
import * as Databases from "../../contract/Databases.ts"
import { group, userId } from "../../contract/Fixtures.ts"

const over = <A, E, R>(database: Layer.Layer<A, E, R>) =>
  Databases.storage.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet))

conversationStoreContract("a Postgres server", over(Databases.server))
conversationStoreContract("the embedded database", over(Databases.embedded))

/** The names of the queries that were run. */
const queries: Array<string> = []

const recorded = Layer.effect(
  Database,
  Effect.map(Database, (database) =>
    Database.of({
      ...database,
      run: (what, query) => {
        queries.push(what)
        return database.run(what, query)
      }
    })
  )
).pipe(Layer.provideMerge(Databases.server))

layer(over(recorded), { excludeTestServices: true, timeout: "60 seconds" })("PgConversationStore", (it) => {
  it.effect("asks for the conversations of a crowd in few queries", () =>
    Effect.gen(function* () {
      const store = yield* ConversationStore
      yield* Effect.forEach(Array.from({ length: 5000 }, userId), (user) => store.idsOf(user), {
        concurrency: "unbounded"
      })
      assert.isAtMost(queries.filter((what) => what.endsWith("idsOf")).length, 20)
    })
  )

  it.effect("adds and removes members of one conversation at the same time without losing count", () =>
    Effect.gen(function* () {
      const store = yield* ConversationStore
      const ann = userId()
      const { id } = yield* store.create(group({ creator: ann }))
      const users = Array.from({ length: 30 }, userId)
      yield* Effect.forEach(
        users,
        (user, i) =>
          Effect.andThen(
            store.addMembers(id, [user], "member", Date.now()),
            i % 3 === 0 ? store.removeMember(id, ann, user, "member") : Effect.void
          ),
        { concurrency: "unbounded" }
      )
      const [summary] = (yield* store.listOf(ann, { cursor: undefined, limit: 1 })).items
      assert.strictEqual(summary!.conversation.member_count, 21)
      assert.strictEqual((yield* store.load(id)).members.size, 21)
    })
  )
})
