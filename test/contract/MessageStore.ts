/** What every `MessageStore` promises about messages that a `MessageWriter` stored. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { ConversationId, UserId } from "../../src/domain/Ids.ts"
import type { Message } from "../../src/domain/Message.ts"
import { ConversationStore } from "../../src/domain/ports/ConversationStore.ts"
import {
  MessageStore,
  type Page,
  type PlacedAttachment,
  type SearchPage
} from "../../src/domain/ports/MessageStore.ts"
import type { MessageWriter, NewMessage } from "../../src/domain/ports/MessageWriter.ts"
import { maxPageBytes } from "./Databases.ts"
import {
  append,
  appendAll,
  attachment,
  change,
  conversationId,
  group,
  message,
  messageId,
  newChange,
  newConversation,
  someTime,
  userId
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

    it.effect(
      "shows no attachments of messages that the conversation keeps no longer, deleted already or not",
      () =>
        Effect.gen(function* () {
          const id = yield* newConversation
          yield* append({ conversationId: id, sentAt: someTime, attachments: [attachment()] })
          yield* append({ conversationId: id, sentAt: someTime + 1, attachments: [attachment()] })
          const { attachments } = yield* MessageStore
          const shownAt = (at: number) =>
            Effect.map(attachments(id, undefined, 10, at), ({ items }) => items.map(({ seq }) => seq))
          assert.deepStrictEqual(yield* shownAt(someTime + 60_000), [2, 1])
          const { configure } = yield* ConversationStore
          yield* configure(id, { retention_seconds: 60 })
          assert.deepStrictEqual(yield* shownAt(someTime + 59_999), [2, 1])
          assert.deepStrictEqual(yield* shownAt(someTime + 60_000), [2])
          yield* configure(id, { retention_seconds: null })
          assert.deepStrictEqual(yield* shownAt(someTime + 60_000), [2, 1])
        })
    )

    describe("search", () => {
      const ask = { conversationId: undefined, cursor: undefined, limit: 10, at: someTime }

      const contents = (found: SearchPage) => found.items.map((item) => item.content)

      /** A group of Ann's and one of Bob's, with a message each of these contents. */
      const setting = Effect.fnUntraced(function* (...texts: ReadonlyArray<string>) {
        const store = yield* ConversationStore
        const [ann, bob] = [userId(), userId()]
        const mine = (yield* store.create(group({ creator: ann, memberIds: [ann, bob] }))).id
        const theirs = (yield* store.create(group({ creator: bob }))).id
        for (const [i, content] of texts.entries()) {
          yield* append({ conversationId: mine, senderId: bob, content, sentAt: someTime + i })
          yield* append({ conversationId: theirs, senderId: bob, content, sentAt: someTime + i })
        }
        return { ann, bob, mine, theirs, search: (yield* MessageStore).search }
      })

      it.effect(
        "finds words in any case, several of them, side by side, either and without, the latest first",
        () =>
          Effect.gen(function* () {
            const { ann, search } = yield* setting(
              "The quick fox",
              "A fox so quick",
              "Slow fox",
              "größer, 日本 x@y.org"
            )
            const find = (text: string) => Effect.map(search({ ...ask, userId: ann, text }), contents)
            assert.deepStrictEqual(yield* find("FOX"), ["Slow fox", "A fox so quick", "The quick fox"])
            assert.deepStrictEqual(yield* find("fox quick"), ["A fox so quick", "The quick fox"])
            assert.deepStrictEqual(yield* find('"quick fox"'), ["The quick fox"])
            assert.deepStrictEqual(yield* find("slow or so"), ["Slow fox", "A fox so quick"])
            assert.deepStrictEqual(yield* find("fox -quick"), ["Slow fox"])
            assert.lengthOf(yield* find("GRÖSSER or größer"), 1)
            assert.lengthOf(yield* find("日本"), 1)
            for (const nothing of ["fo", "...", "'", "z:* & !", "''conversation''"]) {
              assert.deepStrictEqual(yield* find(nothing), [], nothing)
            }
          })
      )

      it.effect("looks only where the user is a member now, in one conversation or in all", () =>
        Effect.gen(function* () {
          const { ann, bob, mine, search, theirs } = yield* setting("needle")
          const in_ = (user: UserId, conversationId?: ConversationId) =>
            Effect.map(search({ ...ask, userId: user, conversationId, text: "needle" }), ({ items }) =>
              items.map((item) => item.conversation_id)
            )
          assert.deepStrictEqual(yield* in_(ann), [mine])
          assert.deepStrictEqual(yield* in_(ann, theirs), [])
          assert.sameMembers(yield* in_(bob), [mine, theirs])
          assert.deepStrictEqual(yield* in_(bob, theirs), [theirs])
          yield* (yield* ConversationStore).removeMember(mine, null, ann, "owner")
          assert.deepStrictEqual(yield* in_(ann), [])
          assert.deepStrictEqual(yield* in_(userId()), [])
          // The word by which a conversation is found opens nobody else's.
          const found = yield* search({ ...ask, userId: ann, text: `"conversation:${theirs}"` })
          assert.deepStrictEqual(found.items, [])
        })
      )

      it.effect("does not find what is deleted, hidden, over, encoded or a system's, and finds edits", () =>
        Effect.gen(function* () {
          const { ann, bob, mine, search, theirs } = yield* setting("old")
          const send = (fields: Partial<NewMessage>) =>
            append({ conversationId: mine, content: "needle", ...fields })
          const [deleted, hidden, edited] = [
            yield* send({}),
            yield* send({}),
            yield* send({ content: "hay" })
          ]
          yield* send({ metadata: { encoding: "base64" } })
          yield* send({ messageType: "system" })
          yield* send({ content: "needle with \0 in it" })
          yield* send({ expiresAt: someTime })
          const kept = yield* send({ expiresAt: someTime + 1 })
          yield* (yield* ConversationStore).clear(theirs, bob)
          assert.deepStrictEqual(
            (yield* search({ ...ask, userId: bob, conversationId: theirs, text: "old" })).items,
            []
          )
          yield* change(newChange(mine, deleted.id, { kind: "delete" }))
          yield* change(newChange(mine, hidden.id, { kind: "hide" }, { userId: ann }))
          yield* change(
            newChange(mine, edited.id, { kind: "edit", content: "a needle", metadata: null, expected: null })
          )
          const found = yield* search({ ...ask, userId: ann, text: "needle" })
          assert.sameMembers(
            found.items.map((item) => item.id),
            [edited.id, kept.id]
          )
        })
      )

      it.effect("pages to the end, each once, also where moments are the same", () =>
        Effect.gen(function* () {
          const { ann, mine, search } = yield* setting()
          const ids: Array<string> = []
          for (let n = 0; n < 7; n++) {
            const sentAt = someTime + Math.floor(n / 3)
            ids.unshift((yield* append({ conversationId: mine, content: "needle", sentAt })).id)
          }
          const seen: Array<string> = []
          let cursor: string | undefined
          do {
            const page: SearchPage = yield* search({ ...ask, userId: ann, text: "needle", cursor, limit: 2 })
            seen.push(...page.items.map((item) => item.id))
            cursor = page.nextCursor ?? undefined
          } while (cursor !== undefined)
          assert.deepStrictEqual(seen, ids)
          const foreign = search({ ...ask, userId: ann, text: "needle", cursor: "x" })
          assert.strictEqual((yield* Effect.flip(foreign))._tag, "Conflict")
        })
      )

      it.effect("takes text of any length and kind", () =>
        Effect.gen(function* () {
          const { ann, mine, search } = yield* setting()
          const urls = Array.from({ length: 20_000 }, (_, n) => `https://host${n}.org/päth/${n}?q=${n}`).join(
            " "
          )
          for (const content of [
            urls,
            "word ".repeat(300_000),
            `${"x".repeat(5_000_000)} needle`,
            "\u{1f600}"
          ]) {
            yield* append({ conversationId: mine, content })
          }
          const found = yield* search({ ...ask, userId: ann, text: "host17.org" })
          assert.lengthOf(found.items, 1)
        })
      )
    })

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
