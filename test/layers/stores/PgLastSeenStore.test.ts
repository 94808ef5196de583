import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ConversationStore } from "../../../src/domain/ports/ConversationStore.ts"
import { LastSeenStore } from "../../../src/domain/ports/LastSeenStore.ts"
import { UserPreferences } from "../../../src/domain/ports/UserPreferences.ts"
import * as PgLastSeenStore from "../../../src/layers/stores/PgLastSeenStore.ts"
import * as PgUserPreferences from "../../../src/layers/stores/PgUserPreferences.ts"
import * as Databases from "../../contract/Databases.ts"
import { group, someTime, userId } from "../../contract/Fixtures.ts"

const databases = { "a Postgres server": Databases.server, "the embedded database": Databases.embedded }

for (const [name, database] of Object.entries(databases)) {
  layer(
    Databases.storage.pipe(
      Layer.merge(PgLastSeenStore.layer),
      Layer.merge(PgUserPreferences.layer),
      Layer.provideMerge(database),
      Layer.provide(Databases.quiet)
    ),
    { excludeTestServices: true, timeout: "60 seconds" }
  )(`PgLastSeenStore on ${name}`, (it) => {
    it.effect("keeps the latest of each user, and whether they tell it", () =>
      Effect.gen(function* () {
        const store = yield* LastSeenStore
        const preferences = yield* UserPreferences
        const [ann, bob, cem] = [userId(), userId(), userId()]
        const read = Effect.all([ann, bob, cem, ann].map(store.of), { concurrency: "unbounded" })
        yield* store.record([
          { userId: bob, at: someTime + 5 },
          { userId: ann, at: someTime }
        ])
        yield* store.record([
          { userId: ann, at: someTime + 7 },
          { userId: bob, at: someTime + 1 }
        ])
        yield* preferences.update(bob, { last_seen: false })
        const ofAnn = { at: someTime + 7, isHidden: false }
        assert.deepStrictEqual(yield* read, [
          ofAnn,
          { at: someTime + 5, isHidden: true },
          { at: undefined, isHidden: false },
          ofAnn
        ])
      })
    )

    it.effect("and a conversation store knows with whom one shares a conversation", () =>
      Effect.gen(function* () {
        const store = yield* ConversationStore
        const [ann, bob, cem, dan] = [userId(), userId(), userId(), userId()]
        const of = (creator: typeof ann, ...others: ReadonlyArray<typeof ann>) =>
          Effect.map(
            store.create(group({ creator, memberIds: [creator, ...others] })),
            (created) => created.id
          )
        const [both, left] = [yield* of(ann, bob), yield* of(ann, cem)]
        yield* of(dan, bob)
        const sharing = Effect.map(store.sharing(ann, [ann, bob, cem, dan, userId()]), (found) =>
          [...found].sort()
        )
        assert.deepStrictEqual(yield* sharing, [ann, bob, cem].sort())
        yield* store.removeMember(left, null, cem, "member")
        assert.deepStrictEqual(yield* sharing, [ann, bob].sort())
        yield* store.close(both, ann, someTime)
        assert.deepStrictEqual(yield* sharing, [ann])
      })
    )
  })
}
