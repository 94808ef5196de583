/** What every `MessageStore` promises about messages that a `MessageWriter` stored. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { ConversationStore } from "../../src/domain/ports/ConversationStore.ts"
import { MessageStore } from "../../src/domain/ports/MessageStore.ts"
import type { MessageWriter } from "../../src/domain/ports/MessageWriter.ts"
import { append, appendAll, conversationId, message, messageId, newConversation } from "./Fixtures.ts"

/** A conversation of `count` messages, beside another one. */
const conversationOf = Effect.fnUntraced(function* (count: number) {
  const [id, other] = [yield* newConversation, yield* newConversation]
  const messages = Array.from({ length: count }, () => [
    message({ conversationId: id }),
    message({ conversationId: other })
  ])
  yield* appendAll(messages.flat())
  return id
})

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)
const seqs = (messages: ReadonlyArray<{ readonly seq: number }>) => messages.map((m) => m.seq)

export const messageStoreContract = <E>(
  name: string,
  storage: Layer.Layer<MessageWriter | MessageStore | ConversationStore, E>
) =>
  layer(storage, { excludeTestServices: true, timeout: "60 seconds" })(`MessageStore on ${name}`, (it) => {
    it.effect("pages back from the newest, each page in ascending order", () =>
      Effect.gen(function* () {
        const id = yield* conversationOf(25)
        const { before } = yield* MessageStore
        assert.deepStrictEqual(seqs(yield* before(id, undefined, 10)), range(16, 25))
        assert.deepStrictEqual(seqs(yield* before(id, 16, 10)), range(6, 15))
        assert.deepStrictEqual(seqs(yield* before(id, 6, 10)), range(1, 5))
        assert.deepStrictEqual(seqs(yield* before(id, 1, 10)), [])
      })
    )

    it.effect("pages forward from a position", () =>
      Effect.gen(function* () {
        const id = yield* conversationOf(25)
        const { after } = yield* MessageStore
        assert.deepStrictEqual(seqs(yield* after(id, 0, 10)), range(1, 10))
        assert.deepStrictEqual(seqs(yield* after(id, 20, 10)), range(21, 25))
        assert.deepStrictEqual(seqs(yield* after(id, 25, 10)), [])
      })
    )

    it.effect("catches up in steps without missing or repeating anything", () =>
      Effect.gen(function* () {
        const id = yield* conversationOf(25)
        const { catchUp } = yield* MessageStore
        const seen: Array<number> = []
        while (true) {
          const page = yield* catchUp(id, seen.at(-1) ?? 0, 7)
          if (page.length === 0) break
          seen.push(...page.map((m) => m.version_seq))
        }
        assert.deepStrictEqual(seen, range(1, 25))
      })
    )

    it.effect("knows nothing of an unknown conversation", () =>
      Effect.gen(function* () {
        const { after, before, catchUp } = yield* MessageStore
        const id = conversationId()
        assert.deepStrictEqual(
          [yield* after(id, 0, 10), yield* before(id, undefined, 10), yield* catchUp(id, 0, 10)],
          [[], [], []]
        )
      })
    )

    it.effect("gets one message by its id", () =>
      Effect.gen(function* () {
        const id = yield* newConversation
        const appended = yield* append({ conversationId: id, content: "found" })
        const { get } = yield* MessageStore
        assert.strictEqual((yield* get(appended.id))?.content, "found")
        assert.isUndefined(yield* get(messageId()))
      })
    )
  })
