import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { ConversationId, UserId } from "../../../src/domain/Ids.ts"
import { ScheduleStore } from "../../../src/domain/ports/ScheduleStore.ts"
import type { ScheduleMessage, ScheduleStatus } from "../../../src/domain/Scheduled.ts"
import * as Databases from "../../contract/Databases.ts"
import { append, messageId, newConversation, someTime, userId } from "../../contract/Fixtures.ts"

const databases = { "a Postgres server": Databases.server, "the embedded database": Databases.embedded }

let randoms = 0

const create = (
  conversationId: ConversationId,
  senderId: UserId,
  fields: Partial<ScheduleMessage> & { readonly in?: number } = {}
) => {
  const { in: ahead = 1000, ...message } = fields
  return Effect.flatMap(ScheduleStore, (store) =>
    store.create(
      {
        id: SecureRandom.uuidV7Unsafe(),
        conversationId,
        senderId,
        trust: "premium",
        at: someTime,
        message: {
          content: "later",
          client_random: ++randoms,
          scheduled_for: new Date(someTime + ahead).toISOString(),
          ...message
        }
      },
      5
    )
  )
}

const failure = <A, R>(effect: Effect.Effect<A, { readonly _tag: string }, R>) =>
  Effect.map(Effect.flip(effect), (error) => error._tag)

for (const [name, database] of Object.entries(databases)) {
  layer(Databases.storage.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet)), {
    excludeTestServices: true,
    timeout: "60 seconds"
  })(`PgScheduleStore on ${name}`, (it) => {
    it.effect("keeps all of a message, once for a client_random, and so many for one sender", () =>
      Effect.gen(function* () {
        const [id, ann] = [yield* newConversation, userId()]
        const media_id = SecureRandom.uuidV7Unsafe() as never
        const fields = {
          content: "späte\0r",
          client_random: Number.MAX_SAFE_INTEGER,
          message_type: "media",
          metadata: { a: 1 },
          reply_to_id: messageId(),
          attachments: [{ media_id, media_type: "image" }],
          expires_in: 60
        } as const
        const { created, scheduled } = yield* create(id, ann, fields)
        assert.isTrue(created)
        assert.deepInclude(scheduled, { ...fields, status: "pending", message_id: null, failure: null })
        const again = yield* create(id, ann, { ...fields, content: "other" })
        assert.deepStrictEqual(again, { created: false, scheduled })
        const store = yield* ScheduleStore
        assert.deepStrictEqual(yield* store.get(scheduled.id, ann), scheduled)
        assert.strictEqual(yield* failure(store.get(scheduled.id, userId())), "NotFound")
        for (let n = 0; n < 4; n++) yield* create(id, ann)
        assert.strictEqual(yield* failure(create(id, ann)), "Conflict")
        yield* store.cancel(scheduled.id, ann)
        assert.isTrue((yield* create(id, ann)).created)
      })
    )

    it.effect(
      "gives what is due to one of many who ask, in order, and again when they do not settle it",
      () =>
        Effect.gen(function* () {
          const [id, ann, bob] = [yield* newConversation, userId(), userId()]
          const store = yield* ScheduleStore
          const second = (yield* create(id, ann, { in: 20 })).scheduled
          const first = (yield* create(id, bob, { in: 10 })).scheduled
          yield* create(id, ann, { in: 1000 })
          const ids = (found: ReadonlyArray<{ readonly scheduled: { readonly id: string } }>) =>
            found.map((one) => one.scheduled.id)
          assert.deepStrictEqual(yield* store.take(someTime + 9, someTime + 500, 10), [])
          const taken = yield* Effect.all(
            Array.from({ length: 4 }, () => store.take(someTime + 20, someTime + 500, 10)),
            { concurrency: "unbounded" }
          )
          assert.sameMembers(ids(taken.flat()), [first.id, second.id])
          const retaken = yield* store.take(someTime + 500, someTime + 900, 10)
          assert.deepStrictEqual(ids(retaken), [first.id, second.id])
          assert.deepInclude(retaken[0], { trust: "premium", isInDoubt: true })

          yield* store.sent(first.id, messageId())
          yield* store.failed(second.id, "not_member")
          assert.deepStrictEqual(yield* store.take(someTime + 999, someTime + 5000, 10), [])
          assert.strictEqual((yield* store.get(first.id, bob)).status, "sent")
          assert.deepInclude(yield* store.get(second.id, ann), { status: "failed", failure: "not_member" })
        })
    )

    it.effect("was sent, whatever refused the attempt after the one whose end nobody recorded", () =>
      Effect.gen(function* () {
        const [id, ann] = [yield* newConversation, userId()]
        const store = yield* ScheduleStore
        const { scheduled } = yield* create(id, ann)
        yield* store.take(someTime + 1000, someTime + 2000, 10)
        const stored = yield* append({
          conversationId: id,
          senderId: ann,
          clientRandom: scheduled.client_random
        })
        yield* store.failed(scheduled.id, "not_member")
        assert.deepInclude(yield* store.get(scheduled.id, ann), {
          status: "sent",
          message_id: stored.id,
          failure: null
        })
        const due = yield* store.take(someTime + 9000, someTime + 9999, 100)
        assert.notInclude(
          due.map((one) => one.scheduled.id),
          scheduled.id
        )
      })
    )

    it.effect("is changed and cancelled by its sender, until it may have been sent", () =>
      Effect.gen(function* () {
        const [id, ann] = [yield* newConversation, userId()]
        const store = yield* ScheduleStore
        const { scheduled } = yield* create(id, ann, { in: 10, metadata: { a: 1 } })
        const moved = new Date(someTime + 50).toISOString()
        const changed = yield* store.update(scheduled.id, ann, { content: "new", scheduled_for: moved })
        assert.deepInclude(changed, { content: "new", scheduled_for: moved, metadata: { a: 1 } })
        assert.strictEqual(yield* failure(store.update(scheduled.id, userId(), { content: "x" })), "NotFound")
        assert.strictEqual(yield* failure(store.cancel(scheduled.id, userId())), "NotFound")
        assert.isFalse(
          (yield* store.take(someTime + 49, someTime + 99, 9)).some((d) => d.scheduled.id === scheduled.id)
        )

        const [due] = yield* store.take(someTime + 50, someTime + 99, 9)
        assert.deepStrictEqual([due?.scheduled.id, due?.isInDoubt], [scheduled.id, false])
        assert.strictEqual(yield* failure(store.update(scheduled.id, ann, { content: "x" })), "Conflict")
        assert.strictEqual(yield* failure(store.cancel(scheduled.id, ann)), "Conflict")
        // It was refused, and will be tried again: nothing was sent.
        yield* store.later(scheduled.id, someTime + 200, false)
        yield* store.update(scheduled.id, ann, { content: "newer" })
        yield* store.later(scheduled.id, someTime + 200, true)
        assert.strictEqual(yield* failure(store.cancel(scheduled.id, ann)), "Conflict")
        yield* store.later(scheduled.id, someTime + 200, false)
        assert.strictEqual((yield* store.cancel(scheduled.id, ann)).status, "cancelled")
        assert.strictEqual((yield* store.cancel(scheduled.id, ann)).status, "cancelled")
        assert.strictEqual(yield* failure(store.update(scheduled.id, ann, { content: "x" })), "Conflict")
        assert.isFalse(
          (yield* store.take(someTime + 300, someTime + 999, 9)).some((d) => d.scheduled.id === scheduled.id)
        )
      })
    )

    it.effect("lists one's own by their time, page by page", () =>
      Effect.gen(function* () {
        const [id, ann] = [yield* newConversation, userId()]
        const times = [30, 10, 20, 10]
        for (const ahead of times) yield* create(id, ann, { in: ahead })
        yield* create(id, userId())
        const store = yield* ScheduleStore
        const first = yield* store.list(ann, { cursor: undefined, limit: 3 })
        const second = yield* store.list(ann, { cursor: first.nextCursor ?? "", limit: 3 })
        assert.deepStrictEqual(
          [...first.items, ...second.items].map((one) => Date.parse(one.scheduled_for) - someTime),
          [10, 10, 20, 30]
        )
        assert.isNull(second.nextCursor)
        assert.strictEqual(yield* failure(store.list(ann, { cursor: "x", limit: 3 })), "Conflict")
      })
    )

    it.effect("lists those of one status, page by page", () =>
      Effect.gen(function* () {
        const [id, ann] = [yield* newConversation, userId()]
        const store = yield* ScheduleStore
        const made = yield* Effect.forEach([10, 20, 30, 40, 50], (ahead) => create(id, ann, { in: ahead }))
        const [first, second, third, fourth, fifth] = made.map(({ scheduled }) => scheduled.id)
        yield* store.sent(first!, messageId())
        yield* store.cancel(second!, ann)
        yield* store.failed(third!, "not_member")
        const listed = (status: ScheduleStatus, cursor?: string) =>
          Effect.map(store.list(ann, { cursor, limit: 1, status }), ({ items, nextCursor }) => ({
            ids: items.map((one) => one.id),
            nextCursor
          }))
        for (const [status, one] of [
          ["sent", first],
          ["cancelled", second],
          ["failed", third]
        ] as const) {
          assert.deepStrictEqual(yield* listed(status), { ids: [one!], nextCursor: null })
        }
        const page = yield* listed("pending")
        assert.deepStrictEqual(page.ids, [fourth])
        const rest = yield* listed("pending", page.nextCursor ?? "")
        assert.deepStrictEqual(rest, { ids: [fifth!], nextCursor: null })
      })
    )
  })
}
