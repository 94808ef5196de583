import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import type { ConversationId } from "../../../src/domain/Ids.ts"
import { MessageStore } from "../../../src/domain/ports/MessageStore.ts"
import { MessageWriter, type NewMessage } from "../../../src/domain/ports/MessageWriter.ts"
import * as PgMessageWriter from "../../../src/layers/stores/PgMessageWriter.ts"
import * as Databases from "../../contract/Databases.ts"
import { type AppendResult, appendAll, message, newConversation } from "../../contract/Fixtures.ts"
import { messageWriterContract } from "../../contract/MessageWriter.ts"
import * as Poll from "../../support/Poll.ts"
import * as PostgresServer from "../../support/PostgresServer.ts"

const over = <A, E, R>(database: Layer.Layer<A, E, R>) =>
  Databases.storage.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet))

messageWriterContract("a Postgres server", over(Databases.server))
messageWriterContract("the embedded database", over(Databases.embedded))

const tagOf = (result: AppendResult) => (Result.isSuccess(result) ? result.success.seq : result.failure._tag)

/** Enough for a busy machine to commit in. */
const timeout = "2 seconds"

/** A storage over a server that the test may hurt. */
const hurt = Effect.gen(function* () {
  const server = yield* PostgresServer.make({ fsync: false })
  const storage = yield* Layer.build(over(Databases.at(server.url, { timeout })))
  return { server, storage }
})

const stored = (id: ConversationId) =>
  Effect.flatMap(MessageStore, (store) => Effect.map(store.after(id, 0, 100_000), ({ items }) => items))

describe("PgMessageWriter", () => {
  it.live("refuses an append past its capacity at once, and stores what it took when its loop runs", () =>
    Effect.gen(function* () {
      const limits = { capacity: 3, maxBatch: 2 }
      const context = yield* Layer.build(
        Layer.mergeAll(PgMessageWriter.layer(limits), Databases.stores).pipe(
          Layer.provideMerge(Databases.server),
          Layer.provide(Databases.quiet)
        )
      )
      const small = yield* Layer.build(
        PgMessageWriter.layer(limits).pipe(Layer.provide(Layer.succeedContext(context)))
      )
      const writer = Context.get(small, MessageWriter)
      const conversationId = yield* Effect.provideContext(newConversation, context)
      const tags: Array<number | string> = []
      for (let i = 0; i < 5; i++)
        writer.append(message({ conversationId }), (result) => tags.push(tagOf(result)))
      assert.deepStrictEqual(tags, ["Overloaded", "Overloaded"])
      assert.strictEqual(writer.depth(), 3)
      yield* Effect.forkScoped(Context.get(small, PgMessageWriter.MessageWriterLoop).run)
      yield* Poll.until(() => writer.depth() === 0)
      assert.deepStrictEqual(tags.slice(2), [1, 2, 3])
    })
  )

  it.live(
    "fails everything of a conversation while the database is silent, and goes on without a gap after",
    () =>
      Effect.gen(function* () {
        const { server, storage } = yield* hurt
        yield* Effect.gen(function* () {
          const conversationId = yield* newConversation
          const writer = yield* MessageWriter
          const sent = Array.from({ length: 4 }, () => message({ conversationId }))
          const [before, first, second, third] = sent as [NewMessage, NewMessage, NewMessage, NewMessage]
          yield* appendAll([before])
          yield* server.stop
          const tags: Array<number | string> = []
          writer.append(first, (result) => tags.push(tagOf(result)))
          // The first one is on its way by now, the others wait for it.
          yield* Effect.sleep(50)
          writer.append(second, (result) => tags.push(tagOf(result)))
          writer.append(third, (result) => tags.push(tagOf(result)))
          yield* Poll.until(() => tags.length === 3)
          assert.deepStrictEqual(tags, ["Unavailable", "Unavailable", "Unavailable"])
          assert.strictEqual(writer.depth(), 0)
          yield* server.cont
          // Whether the first one was committed after all, nobody knows until its retry says so.
          yield* Poll.until(
            Effect.map(appendAll([first, second, third]), (results) => results.every(Result.isSuccess)),
            { every: 100 }
          )
          assert.deepStrictEqual(
            (yield* stored(conversationId)).map((m) => [m.seq, m.id]),
            sent.map((m, i) => [i + 1, m.id])
          )
        }).pipe(Effect.provideContext(storage))
      })
  )

  it.live("keeps every acknowledged message once and in order when the server is killed in a burst", () =>
    Effect.gen(function* () {
      const { server, storage } = yield* hurt
      yield* Effect.gen(function* () {
        const writer = yield* MessageWriter
        const conversations = yield* Effect.forEach(Array.from({ length: 20 }), () => newConversation)
        const acknowledged = new Map<NewMessage, number>()
        const unanswered = new Set<NewMessage>()
        const send = (m: NewMessage) => {
          unanswered.add(m)
          writer.append(m, (result) => {
            if (Result.isFailure(result)) return
            unanswered.delete(m)
            acknowledged.set(m, result.success.seq)
          })
        }
        let n = 0
        let isBursting = true
        // However long the server is away: what waits meanwhile has to be stored in the end.
        const burst = setInterval(() => {
          for (let i = 0; i < 20 && unanswered.size < 5_000; i++)
            send(message({ conversationId: conversations[n++ % 20]! }))
          if (!isBursting) clearInterval(burst)
        }, 2)
        yield* Poll.until(() => acknowledged.size > 1000)
        yield* server.kill9
        yield* Poll.until(() => unanswered.size > 500)
        yield* server.restart
        isBursting = false
        yield* Poll.until(() => writer.depth() === 0)
        yield* Poll.until(
          Effect.suspend(() => {
            for (const m of unanswered) send(m)
            return Effect.as(
              Poll.until(() => writer.depth() === 0),
              unanswered.size === 0
            )
          }),
          { every: 100 }
        )
        assert.strictEqual(acknowledged.size, n)
        for (const id of conversations) {
          const messages = yield* stored(id)
          assert.deepStrictEqual(
            messages.map((m) => m.seq),
            messages.map((_, i) => i + 1)
          )
          assert.deepStrictEqual(
            new Map(messages.map((m) => [m.client_random, m.seq])),
            new Map(
              [...acknowledged]
                .filter(([m]) => m.conversationId === id)
                .map(([m, seq]) => [m.clientRandom, seq])
            )
          )
        }
      }).pipe(Effect.provideContext(storage))
    })
  )
})
