/** What every `MessageStore` promises about messages that a `MessageWriter` stored. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import type { ConversationStore } from "../../src/domain/ports/ConversationStore.ts"
import { MessageStore, type Page, type PlacedAttachment } from "../../src/domain/ports/MessageStore.ts"
import type { MessageWriter } from "../../src/domain/ports/MessageWriter.ts"
import { maxPageBytes } from "./Databases.ts"
import {
  append,
  appendAll,
  attachment,
  conversationId,
  message,
  messageId,
  newConversation,
  someTime
} from "./Fixtures.ts"

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

const empty: Page<Message> = { items: [], hasMore: false }

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)
const seqs = ({ items }: Page<Message>) => items.map((m) => m.seq)

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
          seen.push(...page.items.map((m) => m.version_seq))
          if (!page.hasMore) break
        }
        assert.deepStrictEqual(seen, range(1, 25))
      })
    )

    it.effect("ends a page where it has become too many bytes, and tells that there is more", () =>
      Effect.gen(function* () {
        const [id, content] = [yield* newConversation, "x".repeat(maxPageBytes * 0.4)]
        for (let n = 1; n <= 4; n++) yield* append({ conversationId: id, content })
        // Larger than a page alone, by its content and by what hangs on it.
        yield* append({ conversationId: id, content: "x".repeat(maxPageBytes * 2) })
        const metadata = { note: "y".repeat(maxPageBytes) }
        yield* append({ conversationId: id, attachments: [attachment({ metadata })] })
        const { after, before, catchUp } = yield* MessageStore
        const page = (numbers: ReadonlyArray<number>, hasMore: boolean) => ({ numbers, hasMore })
        const numbers = (found: Page<Message>) => page(seqs(found), found.hasMore)
        for (const read of [after, catchUp]) {
          assert.deepStrictEqual(numbers(yield* read(id, 0, 100)), page([1, 2], true))
          assert.deepStrictEqual(numbers(yield* read(id, 0, 1)), page([1], true))
          assert.deepStrictEqual(numbers(yield* read(id, 2, 100)), page([3, 4], true))
          assert.deepStrictEqual(numbers(yield* read(id, 4, 100)), page([5], true))
          assert.deepStrictEqual(numbers(yield* read(id, 5, 100)), page([6], false))
        }
        assert.deepStrictEqual(numbers(yield* before(id, undefined, 100)), page([6], true))
        assert.deepStrictEqual(numbers(yield* before(id, 6, 100)), page([5], true))
        assert.deepStrictEqual(numbers(yield* before(id, 5, 100)), page([3, 4], true))
        assert.deepStrictEqual(numbers(yield* before(id, 3, 100)), page([1, 2], false))
      })
    )

    it.effect("pages through a conversation's attachments, the latest first", () =>
      Effect.gen(function* () {
        const [id, other] = [yield* newConversation, yield* newConversation]
        const media = Array.from({ length: 5 }, () => attachment())
        yield* append({ conversationId: id, attachments: media.slice(0, 2) })
        yield* append({ conversationId: other, attachments: [attachment()] })
        yield* append({ conversationId: id })
        const last = yield* append({ conversationId: id, attachments: media.slice(2) })
        const { attachments } = yield* MessageStore
        const ids = (found: Page<PlacedAttachment>) => found.items.map((item) => item.attachment.media_id)
        const first = yield* attachments(id, undefined, 2, someTime)
        assert.deepStrictEqual([ids(first), first.hasMore], [[media[4]!.mediaId, media[3]!.mediaId], true])
        assert.deepInclude(first.items[0], { messageId: last.id, seq: 3, position: 2 })
        const rest = yield* attachments(id, first.items[1], 10, someTime)
        assert.deepStrictEqual(
          [ids(rest), rest.hasMore],
          [[media[2]!.mediaId, media[1]!.mediaId, media[0]!.mediaId], false]
        )
      })
    )

    it.effect("knows nothing of an unknown conversation", () =>
      Effect.gen(function* () {
        const { after, before, catchUp } = yield* MessageStore
        const id = conversationId()
        assert.deepStrictEqual(
          [yield* after(id, 0, 10), yield* before(id, undefined, 10), yield* catchUp(id, 0, 10)],
          [empty, empty, empty]
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
