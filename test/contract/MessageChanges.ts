/** What every `MessageWriter` promises of changes, told by what every `MessageStore` reads afterwards. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Result } from "effect"
import { type Change, MAX_PINS, MAX_REACTIONS } from "../../src/domain/Changes.ts"
import { MAX_ATTACHMENTS } from "../../src/domain/Commands.ts"
import { type ConversationId, MediaId, type MessageId } from "../../src/domain/Ids.ts"
import type { Message } from "../../src/domain/Message.ts"
import { ConversationStore } from "../../src/domain/ports/ConversationStore.ts"
import { MessageStore, type Page } from "../../src/domain/ports/MessageStore.ts"
import type { MessageWriter } from "../../src/domain/ports/MessageWriter.ts"
import {
  type AppendResult,
  append,
  attachment,
  change,
  conversationId,
  message,
  messageId,
  newChange,
  newConversation,
  someTime,
  userId,
  writeAll
} from "./Fixtures.ts"

const edit = (
  content: string,
  more: { metadata?: Record<string, string>; expected?: number } = {}
): Change => ({
  kind: "edit",
  content,
  metadata: more.metadata ?? null,
  expected: more.expected ?? null
})
const react = (reaction = "👍"): Change => ({ kind: "react", reaction })
const unreact = (reaction = "👍"): Change => ({ kind: "unreact", reaction })

const uuidOf = (n: number) => MediaId.make(`00000000-0000-7000-8000-${String(n).padStart(12, "0")}`)

const read = (id: MessageId) =>
  Effect.flatMap(MessageStore, (store) => Effect.map(store.get(id), (found) => found!))
const lastSeq = (id: ConversationId) => Effect.flatMap(ConversationStore, (store) => store.lastSeq(id))

/** Seqs and versions of what was written, failures by their tags. */
const numberOf = (result: Result.Result<object, { readonly _tag: string }>) => {
  if (Result.isFailure(result)) return result.failure._tag
  const { success } = result
  return "seq" in success ? success.seq : "versionSeq" in success ? success.versionSeq : undefined
}

export const messageChangesContract = <E>(
  name: string,
  storage: Layer.Layer<MessageWriter | MessageStore | ConversationStore, E>
) =>
  layer(storage, { excludeTestServices: true, timeout: "60 seconds" })(
    `Changes of messages on ${name}`,
    (it) => {
      it.effect("edits content and metadata, and tells the whole of what it became", () =>
        Effect.gen(function* () {
          const id = yield* newConversation
          const [ann, bob] = [userId(), userId()]
          const sent = yield* append({ conversationId: id, metadata: { a: "1" } })
          yield* change(newChange(id, sent.id, react(), { userId: ann }))
          yield* change(newChange(id, sent.id, { kind: "pin" }, { userId: bob }))
          const at = someTime + 1234
          assert.deepStrictEqual(yield* change(newChange(id, sent.id, edit("a\0b"), { at })), {
            versionSeq: 4,
            changed: true,
            rest: {
              editedAt: at,
              editCount: 1,
              metadata: { a: "1" },
              reactions: [{ reaction: "👍", user_ids: [ann] }],
              attachments: [],
              isPinned: true
            }
          })
          yield* change(newChange(id, sent.id, edit("again", { metadata: { b: "2" } }), { at }))
          const stored = yield* read(sent.id)
          assert.deepInclude(stored, {
            seq: 1,
            version_seq: 5,
            content: "again",
            metadata: { b: "2" },
            edited_at: new Date(at).toISOString(),
            sent_at: new Date(someTime).toISOString()
          })
        })
      )

      it.effect("takes no number for what is so already", () =>
        Effect.gen(function* () {
          const id = yield* newConversation
          const ann = userId()
          const sent = yield* append({ conversationId: id, content: "as it is", metadata: { a: "1" } })
          const twice = (first: Change) => {
            const made = newChange(id, sent.id, first, { userId: ann })
            return Effect.all([change(made), change({ ...made, id: messageId() })])
          }
          const unchanged = { versionSeq: 1, changed: false, rest: undefined }
          assert.deepStrictEqual(yield* twice(edit("as it is")), [unchanged, unchanged])
          assert.deepStrictEqual(yield* twice(edit("as it is", { metadata: { a: "1" } })), [
            unchanged,
            unchanged
          ])
          assert.deepStrictEqual(yield* twice(unreact()), [unchanged, unchanged])
          assert.deepStrictEqual(yield* twice({ kind: "unpin" }), [unchanged, unchanged])
          let version = 1
          for (const made of [react(), { kind: "pin" } as const, unreact(), { kind: "unpin" } as const]) {
            version++
            const [first, second] = yield* twice(made)
            assert.deepInclude(first, { versionSeq: version, changed: true })
            assert.deepInclude(second, { versionSeq: version, changed: false })
          }
          const [deleted, again] = yield* twice({ kind: "delete" })
          assert.deepInclude(deleted, { versionSeq: 6, changed: true })
          assert.deepInclude(again, { versionSeq: 6, changed: false })
          assert.strictEqual(yield* lastSeq(id), 6)
        })
      )

      it.effect("leaves a tombstone, which takes no further change", () =>
        Effect.gen(function* () {
          const id = yield* newConversation
          const sent = yield* append({
            conversationId: id,
            metadata: { a: "1" },
            attachments: [attachment()]
          })
          yield* change(newChange(id, sent.id, react()))
          yield* change(newChange(id, sent.id, { kind: "pin" }))
          yield* change(newChange(id, sent.id, { kind: "delete" }))
          assert.deepInclude(yield* read(sent.id), {
            seq: 1,
            version_seq: 4,
            content: null,
            metadata: {},
            is_deleted: true,
            is_pinned: false,
            reactions: [],
            attachments: []
          })
          const store = yield* MessageStore
          assert.deepStrictEqual(yield* store.pins(id), [])
          const results = yield* writeAll(
            [edit("back"), react(), { kind: "pin" } as const].map((made) => newChange(id, sent.id, made))
          )
          assert.deepStrictEqual(results.map(numberOf), ["Conflict", "Conflict", "Conflict"])
          assert.strictEqual(yield* lastSeq(id), 4)
        })
      )

      it.effect("edits only the version that was expected, unless it is so already", () =>
        Effect.gen(function* () {
          const id = yield* newConversation
          const sent = yield* append({ conversationId: id })
          const results = yield* writeAll([
            newChange(id, sent.id, edit("one", { expected: 1 })),
            newChange(id, sent.id, edit("two", { expected: 1 })),
            newChange(id, sent.id, edit("one", { expected: 1 })),
            newChange(id, sent.id, edit("two", { expected: 2 }))
          ])
          assert.deepStrictEqual(results.map(numberOf), [2, "Conflict", 2, 3])
          assert.strictEqual((yield* read(sent.id)).content, "two")
        })
      )

      it.effect("finds no message of another conversation, and nothing else of the batch fails", () =>
        Effect.gen(function* () {
          const [a, b] = [yield* newConversation, yield* newConversation]
          const inA = yield* append({ conversationId: a })
          const results = yield* writeAll([
            newChange(a, inA.id, react("+1")),
            newChange(b, inA.id, react("+1")),
            newChange(a, messageId(), react("+1")),
            newChange(conversationId(), inA.id, react("+1")),
            newChange(a, inA.id, edit("half \uD83D")),
            newChange(a, inA.id, react("+2"))
          ])
          assert.deepStrictEqual(results.map(numberOf), [
            2,
            "NotFound",
            "NotFound",
            "NotFound",
            "InvalidInput",
            3
          ])
        })
      )

      it.effect("bounds the different reactions of a message, not how many give one of them", () =>
        Effect.gen(function* () {
          const id = yield* newConversation
          const sent = yield* append({ conversationId: id })
          const codes = Array.from({ length: MAX_REACTIONS }, (_, i) => `code_${i}`)
          yield* writeAll(codes.map((code) => newChange(id, sent.id, react(code))))
          const results = yield* writeAll([
            newChange(id, sent.id, react("one_more")),
            newChange(id, sent.id, react("code_0"))
          ])
          assert.deepStrictEqual(results.map(numberOf), ["Conflict", MAX_REACTIONS + 2])
          const { reactions } = yield* read(sent.id)
          assert.sameMembers(
            reactions.map((r) => r.reaction),
            codes
          )
        })
      )

      it.effect("lists pins, newest first, and bounds them", () =>
        Effect.gen(function* () {
          const id = yield* newConversation
          const ann = userId()
          const sent = yield* writeAll(
            Array.from({ length: MAX_PINS + 1 }, () => message({ conversationId: id }))
          )
          const ids = sent.map((result) => Result.getOrThrow(result as AppendResult).id)
          const results = yield* writeAll(
            ids.map((one, i) => newChange(id, one, { kind: "pin" }, { userId: ann, at: someTime + i }))
          )
          assert.strictEqual(numberOf(results.at(-1)!), "Conflict")
          const store = yield* MessageStore
          const pins = yield* store.pins(id)
          assert.deepStrictEqual(
            pins.map((pin) => pin.message.id),
            ids.slice(0, MAX_PINS).reverse()
          )
          assert.deepInclude(pins[0]!, { pinnedBy: ann, pinnedAt: someTime + MAX_PINS - 1 })
          assert.isTrue(pins.every((pin) => pin.message.is_pinned))
        })
      )

      it.effect("hides a message from one member, with no number, and remembers since when", () =>
        Effect.gen(function* () {
          const ann = userId()
          const store = yield* MessageStore
          const conversations = yield* ConversationStore
          const id = yield* newConversation
          yield* conversations.addMembers(id, [ann], "member", someTime)
          const [first, second] = [
            yield* append({ conversationId: id }),
            yield* append({ conversationId: id })
          ]
          const hide = newChange(id, first.id, { kind: "hide" }, { userId: ann })
          const made = yield* Effect.all([change(hide), change({ ...hide, id: messageId() })])
          assert.deepStrictEqual(
            made.map((m) => [m.changed, m.versionSeq]),
            [
              [true, 1],
              [false, 1]
            ]
          )
          yield* change(newChange(id, second.id, { kind: "pin" }))
          yield* change(newChange(id, first.id, { kind: "pin" }))
          assert.strictEqual(yield* lastSeq(id), 4)
          const seqs = (messages: ReadonlyArray<{ readonly seq: number }>) => messages.map((m) => m.seq)
          const seqsOf = (page: Page<Message>) => seqs(page.items)
          for (const user of [ann, userId(), undefined]) {
            const viewer = user && { userId: user, clearedSeq: 0 }
            const expected = user === ann ? [2] : [1, 2]
            assert.deepStrictEqual(seqsOf(yield* store.before(id, undefined, 10, viewer)), expected)
            assert.deepStrictEqual(seqsOf(yield* store.before(id, 100, 10, viewer)), expected)
            assert.deepStrictEqual(seqsOf(yield* store.after(id, 0, 10, viewer)), expected)
            assert.sameMembers(seqsOf(yield* store.catchUp(id, 0, 10, viewer)), expected)
            assert.sameMembers(seqs((yield* store.pins(id, viewer)).map((pin) => pin.message)), expected)
          }
          assert.isUndefined(yield* store.get(first.id, { userId: ann, clearedSeq: 0 }))
          assert.isDefined(yield* store.get(first.id, { userId: userId(), clearedSeq: 0 }))
          assert.deepStrictEqual(yield* store.hiddenSince(id, ann, 2, 10), [first.id])
          assert.deepStrictEqual(yield* store.hiddenSince(id, ann, 3, 10), [])
          assert.strictEqual((yield* conversations.load(id)).members.get(ann)?.lastHiddenSeq, 2)
        })
      )

      it.effect("attaches a medium once, up to the limit, and never to a deleted message", () =>
        Effect.gen(function* () {
          const id = yield* newConversation
          const sent = yield* append({ conversationId: id, attachments: [attachment()] })
          const attach = (n: number): Change => ({
            kind: "attach",
            attachment: { media_id: uuidOf(n), media_type: "video", metadata: { n } }
          })
          const first = newChange(id, sent.id, attach(1))
          assert.deepInclude(yield* change(first), { versionSeq: 2, changed: true })
          assert.deepInclude(yield* change(newChange(id, sent.id, attach(1))), {
            versionSeq: 2,
            changed: false
          })
          const { attachments } = yield* read(sent.id)
          assert.deepStrictEqual(attachments[1], {
            id: first.id,
            media_id: uuidOf(1),
            media_type: "video",
            metadata: { n: 1 }
          })
          const { rest } = yield* change(newChange(id, sent.id, edit("with a film")))
          assert.deepStrictEqual(rest?.attachments, attachments)
          for (let n = 2; n < MAX_ATTACHMENTS; n++) yield* change(newChange(id, sent.id, attach(n)))
          const more = newChange(id, sent.id, attach(MAX_ATTACHMENTS))
          assert.strictEqual((yield* Effect.flip(change(more)))._tag, "Conflict")
          assert.lengthOf(
            (yield* (yield* MessageStore).attachments(id, undefined, 100, someTime)).items,
            MAX_ATTACHMENTS
          )
          yield* change(newChange(id, sent.id, { kind: "delete" }))
          assert.strictEqual((yield* Effect.flip(change(first)))._tag, "Conflict")
          assert.isEmpty((yield* (yield* MessageStore).attachments(id, undefined, 100, someTime)).items)
        })
      )

      it.effect("keeps one order and one row of numbers over messages and changes in one batch", () =>
        Effect.gen(function* () {
          const [a, b] = [yield* newConversation, yield* newConversation]
          const [inA, inB] = [yield* append({ conversationId: a }), yield* append({ conversationId: b })]
          const results = yield* writeAll([
            message({ conversationId: a }),
            newChange(a, inA.id, edit("first")),
            message({ conversationId: b }),
            message({ conversationId: a }),
            newChange(b, inB.id, react()),
            newChange(a, inA.id, edit("second")),
            newChange(a, inA.id, react()),
            message({ conversationId: a }),
            newChange(b, inB.id, react())
          ])
          assert.deepStrictEqual(results.map(numberOf), [2, 3, 2, 4, 3, 5, 6, 7, 4])
          assert.deepInclude(yield* read(inA.id), { content: "second", version_seq: 6 })
          const store = yield* MessageStore
          assert.deepStrictEqual(
            (yield* store.catchUp(a, 0, 10)).items.map((m) => [m.seq, m.version_seq]),
            [
              [2, 2],
              [4, 4],
              [1, 6],
              [7, 7]
            ]
          )
        })
      )
    }
  )
