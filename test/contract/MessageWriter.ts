/** What every `MessageWriter` promises, told by what can be read back afterwards. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Result, Schema } from "effect"
import fc from "fast-check"
import type { ConversationId, MessageId, UserId } from "../../src/domain/Ids.ts"
import type { ConversationStore } from "../../src/domain/ports/ConversationStore.ts"
import { MessageStore } from "../../src/domain/ports/MessageStore.ts"
import type { MessageWriter } from "../../src/domain/ports/MessageWriter.ts"
import {
  type AppendResult,
  append,
  appendAll,
  attachment,
  conversationId,
  message,
  messageId,
  newConversation,
  someTime,
  userId
} from "./Fixtures.ts"

const seqOf = (result: AppendResult) => (Result.isSuccess(result) ? result.success.seq : result.failure._tag)

const stored = (id: ConversationId) =>
  Effect.flatMap(MessageStore, (store) => Effect.map(store.after(id, 0, 10_000), ({ items }) => items))

/** One attempt to send, out of so few senders and numbers that many are retries. */
const Attempt = Schema.Struct({
  conversation: Schema.Literals([0, 1, 2]),
  sender: Schema.Literals([0, 1]),
  random: Schema.Literals([0, 1, 2, 3, 4, 5]),
  newBatch: Schema.Boolean
})

export const messageWriterContract = <E>(
  name: string,
  storage: Layer.Layer<MessageWriter | MessageStore | ConversationStore, E>
) =>
  layer(storage, { excludeTestServices: true, timeout: "60 seconds" })(`MessageWriter on ${name}`, (it) => {
    it.effect("numbers a conversation's messages from 1, in the order they were appended", () =>
      Effect.gen(function* () {
        const id = yield* newConversation
        const results = yield* appendAll(
          Array.from({ length: 1200 }, (_, i) => message({ conversationId: id, content: String(i) }))
        )
        assert.deepStrictEqual(
          results.map(seqOf),
          results.map((_, i) => i + 1)
        )
        assert.deepStrictEqual(
          (yield* stored(id)).map((m) => [m.seq, m.version_seq, m.content]),
          results.map((_, i) => [i + 1, i + 1, String(i)])
        )
      })
    )

    it.effect("numbers every conversation by itself when they share a batch", () =>
      Effect.gen(function* () {
        const [a, b] = [yield* newConversation, yield* newConversation]
        const results = yield* appendAll([a, b, b, a, b].map((conversationId) => message({ conversationId })))
        assert.deepStrictEqual(results.map(seqOf), [1, 1, 2, 2, 3])
      })
    )

    it.effect("answers a retry with the stored message, and the retry takes no number", () =>
      Effect.gen(function* () {
        const id = yield* newConversation
        const first = message({ conversationId: id, content: "first" })
        const retry = { ...first, id: messageId(), content: "changed", sentAt: someTime + 5000 }
        const once = yield* append(first)
        const twice = yield* append(retry)
        const next = yield* append({ conversationId: id })
        assert.deepStrictEqual(once, { id: first.id, seq: 1, sentAt: someTime, duplicate: false })
        assert.deepStrictEqual(twice, { ...once, duplicate: true })
        assert.strictEqual(next.seq, 2)
        assert.deepStrictEqual(
          (yield* stored(id)).map((m) => m.content),
          ["first", "hello"]
        )
      })
    )

    it.effect("recognises a retry within one batch", () =>
      Effect.gen(function* () {
        const id = yield* newConversation
        const first = message({ conversationId: id })
        const other = message({ conversationId: id })
        const results = yield* appendAll([
          first,
          other,
          { ...first, id: messageId() },
          message({ conversationId: id })
        ])
        assert.deepStrictEqual(results.map(seqOf), [1, 2, 1, 3])
        assert.deepStrictEqual(Result.getOrThrow(results[2]!), {
          id: first.id,
          seq: 1,
          sentAt: someTime,
          duplicate: true
        })
      })
    )

    it.effect(
      "takes the same number from another sender, and in another conversation, for another message",
      () =>
        Effect.gen(function* () {
          const [a, b] = [yield* newConversation, yield* newConversation]
          const sent = message({ conversationId: a })
          const results = yield* appendAll([
            sent,
            { ...sent, id: messageId(), senderId: userId() },
            { ...sent, id: messageId(), conversationId: b }
          ])
          assert.deepStrictEqual(results.map(seqOf), [1, 2, 1])
        })
    )

    it.effect("refuses an unknown conversation, and nothing else of its batch", () =>
      Effect.gen(function* () {
        const id = yield* newConversation
        const results = yield* appendAll([
          message({ conversationId: id }),
          message({ conversationId: conversationId() }),
          message({ conversationId: id })
        ])
        assert.deepStrictEqual(results.map(seqOf), [1, "NotFound", 2])
      })
    )

    it.effect("takes a reply only to a message of the same conversation", () =>
      Effect.gen(function* () {
        const [a, b] = [yield* newConversation, yield* newConversation]
        const [inA, inB] = [yield* append({ conversationId: a }), yield* append({ conversationId: b })]
        const results = yield* appendAll([
          message({ conversationId: a, replyToId: inA.id }),
          message({ conversationId: a, replyToId: inB.id }),
          message({ conversationId: a, replyToId: messageId() }),
          message({ conversationId: a })
        ])
        assert.deepStrictEqual(results.map(seqOf), [2, "NotFound", "NotFound", 3])
        assert.deepStrictEqual(
          (yield* stored(a)).map((m) => m.reply_to_id),
          [null, inA.id, null]
        )
      })
    )

    it.effect("keeps any text exactly", () =>
      Effect.gen(function* () {
        const id = yield* newConversation
        const samples = [
          "",
          "\0",
          "a\0b",
          "👩‍👩‍👧‍👦 \u{10FFFF}",
          "\uFEFFbom",
          ...fc.sample(fc.string({ unit: "binary", maxLength: 200 }), { numRuns: 300, seed: 7 })
        ]
        yield* appendAll(samples.map((content) => message({ conversationId: id, content })))
        assert.deepStrictEqual(
          (yield* stored(id)).map((m) => m.content),
          samples
        )
      })
    )

    it.effect("keeps everything else of a message", () =>
      Effect.gen(function* () {
        const id = yield* newConversation
        const attachments = [
          attachment({ mediaType: "video", metadata: { width: 640 } }),
          attachment({ mediaType: "document" })
        ]
        const sent = message({
          conversationId: id,
          messageType: "media",
          metadata: { encoding: "base64", nested: { list: [1, null, "é"] } },
          clientRandom: Number.MAX_SAFE_INTEGER,
          expiresAt: someTime + 60_001,
          attachments
        })
        yield* append(sent)
        assert.deepStrictEqual((yield* stored(id))[0], {
          id: sent.id,
          conversation_id: id,
          seq: 1,
          version_seq: 1,
          sender_id: sent.senderId,
          reply_to_id: null,
          message_type: "media",
          content: "hello",
          metadata: { encoding: "base64", nested: { list: [1, null, "é"] } },
          client_random: Number.MAX_SAFE_INTEGER,
          sent_at: "2026-03-14T15:09:26.535Z",
          edited_at: null,
          edit_count: 0,
          expires_at: "2026-03-14T15:10:26.536Z",
          is_deleted: false,
          is_pinned: false,
          reactions: [],
          attachments: attachments.map((a) => ({
            id: a.id,
            media_id: a.mediaId,
            media_type: a.mediaType,
            metadata: a.metadata
          }))
        })
      })
    )

    it.effect("refuses what cannot be stored, by the name of the field, and nothing else of its batch", () =>
      Effect.gen(function* () {
        const id = yield* newConversation
        let deep: Schema.Json = []
        for (let i = 0; i < 20_000; i++) deep = [deep]
        const bad = [
          { content: "half \uD83D" },
          { metadata: { note: "a\0b" } },
          { metadata: { list: [{ "\uDE00": 1 }] } },
          { metadata: { deep } },
          { attachments: [attachment({ metadata: { alt: "\0" } })] },
          { expiresAt: Number.POSITIVE_INFINITY }
        ]
        const results = yield* appendAll([
          message({ conversationId: id }),
          ...bad.map((fields) => message({ conversationId: id, ...fields })),
          message({ conversationId: id })
        ])
        const paths = results.map((result) =>
          Result.isFailure(result) && result.failure._tag === "InvalidInput"
            ? result.failure.issues.map((issue) => issue.path).join()
            : seqOf(result)
        )
        const fields = ["content", "metadata", "metadata", "metadata", "attachments.0.metadata", "expires_at"]
        assert.deepStrictEqual(paths, [1, ...fields, 2])
      })
    )

    it.effect(
      "fails a message that the database rejects, and the later ones of its conversation, alone",
      () =>
        Effect.gen(function* () {
          const [a, b] = [yield* newConversation, yield* newConversation]
          const rejected = { attachments: [attachment({ mediaType: "hologram" as "image" })] }
          const later = message({ conversationId: a })
          const results = yield* appendAll([
            message({ conversationId: b }),
            message({ conversationId: a }),
            message({ conversationId: a, ...rejected }),
            message({ conversationId: b }),
            later,
            message({ conversationId: b })
          ])
          assert.deepStrictEqual(results.map(seqOf), [1, 1, "InvalidInput", 2, "Unavailable", 3])
          assert.strictEqual((yield* append(later)).seq, 2)
          assert.deepStrictEqual(
            (yield* stored(a)).map((m) => m.seq),
            [1, 2]
          )
        })
    )

    it.effect.prop(
      "agrees with a list per conversation, whatever is sent and retried in whatever batches",
      [Schema.Array(Attempt)],
      ([attempts]) =>
        Effect.gen(function* () {
          const ids: Array<ConversationId> = []
          for (let i = 0; i < 3; i++) ids.push(yield* newConversation)
          const senders = [userId(), userId()] as const
          const model = ids.map(() => new Map<string, { readonly id: MessageId; readonly seq: number }>())
          const expected: Array<readonly [MessageId, number, boolean]> = []
          const batches: Array<Array<ReturnType<typeof message>>> = [[]]
          for (const { conversation, newBatch, random, sender } of attempts) {
            const sent = message({
              conversationId: ids[conversation]!,
              senderId: senders[sender] as UserId,
              clientRandom: random
            })
            const list = model[conversation]!
            const known = list.get(`${sender}:${random}`)
            const entry = known ?? { id: sent.id, seq: list.size + 1 }
            list.set(`${sender}:${random}`, entry)
            expected.push([entry.id, entry.seq, known !== undefined])
            if (newBatch) batches.push([])
            batches.at(-1)!.push(sent)
          }
          const results: Array<AppendResult> = []
          for (const batch of batches) results.push(...(yield* appendAll(batch)))
          assert.deepStrictEqual(
            results.map(Result.getOrThrow).map((r) => [r.id, r.seq, r.duplicate] as const),
            expected
          )
          for (const [i, id] of ids.entries()) {
            assert.deepStrictEqual(
              (yield* stored(id)).map((m) => [m.id, m.seq]),
              [...model[i]!.values()].map((m) => [m.id, m.seq])
            )
          }
        }),
      { arbitrary: { runs: 40, size: 30 } }
    )
  })
