/**
 * Two nodes that both believe to own the same conversations, on one database: the database is the arbiter, and the
 * worst that comes of it is waiting for each other.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import { MessageStore } from "../../src/domain/ports/MessageStore.ts"
import {
  type Appended,
  type ChangeOutcome,
  MessageWriter,
  type NewMessage
} from "../../src/domain/ports/MessageWriter.ts"
import { Database } from "../../src/layers/database/Database.ts"
import * as Databases from "../contract/Databases.ts"
import { appendAll, message, newChange, newConversation, userId, writeAll } from "../contract/Fixtures.ts"
import * as PostgresServer from "../support/PostgresServer.ts"

/** Batches that failed: the lock makes the owners wait for each other before they could collide, and nobody gives up. */
let collisions = 0

const counted = (url: string) =>
  Layer.effect(
    Database,
    Effect.map(Database, (database) =>
      Database.of({
        ...database,
        attempt: (what, query) =>
          Effect.tapError(database.attempt(what, query), () => Effect.sync(() => void collisions++))
      })
    )
  ).pipe(Layer.provideMerge(Databases.at(url, { timeout: "30 seconds" })))

/** A storage with a pool and writer of its own: a node. Its memo map is its own, too, or nodes would share layers. */
const node = Effect.gen(function* () {
  const { url } = yield* PostgresServer.PostgresServer
  const storage = Databases.storage.pipe(Layer.provideMerge(counted(url)), Layer.provide(Databases.quiet))
  return yield* Layer.buildWithMemoMap(storage, Layer.makeMemoMapUnsafe(), yield* Effect.scope)
})

const conversations = 5
const rounds = 30
const perRound = 40

layer(PostgresServer.layer({ fsync: false }), { excludeTestServices: true, timeout: "2 minutes" })(
  "Two owners of the same conversations",
  (it) => {
    it.effect("end with one gapless order, nothing lost and nothing twice", () =>
      Effect.gen(function* () {
        const [one, two] = [yield* node, yield* node]
        assert.notStrictEqual(Context.get(one, MessageWriter), Context.get(two, MessageWriter))
        const ids = yield* Effect.forEach(Array.from({ length: conversations }), () => newConversation).pipe(
          Effect.provideContext(one)
        )
        const sender = userId()
        // Both send the same numbers, in different order and mixed with numbers of their own: most are retries of
        // what the other one has sent, is sending or is about to send.
        const batch = (owner: number, round: number): ReadonlyArray<NewMessage> =>
          Array.from({ length: perRound }, (_, i) => {
            const n = round * perRound + (owner === 0 ? i : perRound - 1 - i)
            const own = n % 4 === 0
            return message({
              conversationId: ids[n % conversations]!,
              senderId: own ? userId() : sender,
              clientRandom: n,
              content: own ? `own ${owner}` : "shared"
            })
          })
        const hammer = (owner: number, context: Context.Context<MessageWriter>) =>
          Effect.forEach(
            Array.from({ length: rounds }, (_, round) => batch(owner, round)),
            (messages) => Effect.map(appendAll(messages), (results) => [messages, results] as const)
          ).pipe(Effect.provideContext(context))
        const outcomes = (yield* Effect.all([hammer(0, one), hammer(1, two)], {
          concurrency: "unbounded"
        })).flat()

        const answered = outcomes.flatMap(([messages, results]) =>
          results.map((result, i): readonly [NewMessage, Appended] => [
            messages[i]!,
            Result.getOrThrow(result)
          ])
        )
        assert.strictEqual(collisions, 0)
        const store = Context.get(one, MessageStore)
        for (const id of ids) {
          const { items: stored } = yield* store.after(id, 0, 10_000)
          assert.deepStrictEqual(
            stored.map((m) => m.seq),
            stored.map((_, i) => i + 1)
          )
          const byRandom = new Map(stored.map((m) => [`${m.sender_id}:${m.client_random}`, m]))
          assert.strictEqual(byRandom.size, stored.length)
          const answers = answered.filter(([m]) => m.conversationId === id)
          for (const [sent, appended] of answers) {
            const found = byRandom.get(`${sent.senderId}:${sent.clientRandom}`)
            assert.deepStrictEqual([appended.id, appended.seq], [found?.id, found?.seq])
          }
          assert.strictEqual(answers.filter(([, appended]) => !appended.duplicate).length, stored.length)
        }
      })
    )

    it.effect("number their sends and changes in one row, each change once", () =>
      Effect.gen(function* () {
        const [one, two] = [yield* node, yield* node]
        const id = yield* Effect.provideContext(newConversation, one)
        const target = message({ conversationId: id })
        yield* Effect.provideContext(appendAll([target]), one)
        const people = Array.from({ length: 20 }, () => userId())
        // Both ask for the same reactions, one of them backwards, and send in between.
        const hammer = (owner: number, context: Context.Context<MessageWriter>) =>
          Effect.forEach(owner === 0 ? people : people.toReversed(), (person) =>
            writeAll([
              newChange(id, target.id, { kind: "react", reaction: "+1" }, { userId: person }),
              message({ conversationId: id }),
              newChange(id, target.id, { kind: "edit", content: person, metadata: null, expected: null })
            ])
          ).pipe(Effect.provideContext(context))
        const results = (yield* Effect.all([hammer(0, one), hammer(1, two)], {
          concurrency: "unbounded"
        })).flat(2)

        const numbers = results
          .map((result) => Result.getOrThrow<Appended | ChangeOutcome, unknown>(result))
          .filter((result) => !("changed" in result) || result.changed)
          .map((result) => ("seq" in result ? result.seq : result.versionSeq))
        assert.deepStrictEqual(
          numbers.toSorted((a, b) => a - b),
          numbers.map((_, i) => i + 2)
        )
        const stored = yield* Context.get(one, MessageStore).get(target.id)
        assert.sameMembers([...(stored?.reactions[0]?.user_ids ?? [])], people)
        assert.strictEqual(collisions, 0)
      })
    )
  }
)
