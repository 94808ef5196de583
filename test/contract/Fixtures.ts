/** Things to store, and Effect-returning forms of the callback-based ports. */
import { Effect, type Result } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { Change } from "../../src/domain/Changes.ts"
import { ConversationId, MediaId, MessageId, UserId } from "../../src/domain/Ids.ts"
import { ConversationStore, type NewConversation } from "../../src/domain/ports/ConversationStore.ts"
import {
  type AppendError,
  type Appended,
  type ChangeError,
  type ChangeOutcome,
  MessageWriter,
  type NewAttachment,
  type NewChange,
  type NewMessage
} from "../../src/domain/ports/MessageWriter.ts"

export const userId = () => UserId.make(SecureRandom.uuidV7Unsafe())
export const conversationId = () => ConversationId.make(SecureRandom.uuidV7Unsafe())
export const messageId = () => MessageId.make(SecureRandom.uuidV7Unsafe())

/** A moment with milliseconds that are not zero. */
export const someTime = Date.UTC(2026, 2, 14, 15, 9, 26, 535)

let randoms = 0

export const message = (fields: Partial<NewMessage> & Pick<NewMessage, "conversationId">): NewMessage => ({
  id: messageId(),
  senderId: userId(),
  replyToId: null,
  messageType: "text",
  content: "hello",
  metadata: {},
  clientRandom: ++randoms,
  sentAt: someTime,
  expiresAt: null,
  attachments: [],
  ...fields
})

export const attachment = (fields: Partial<NewAttachment> = {}): NewAttachment => ({
  id: SecureRandom.uuidV7Unsafe(),
  mediaId: MediaId.make(SecureRandom.uuidV7Unsafe()),
  mediaType: "image",
  metadata: {},
  ...fields
})

export const group = (fields: Partial<NewConversation> = {}): NewConversation => {
  const creator = fields.creator ?? userId()
  return {
    id: conversationId(),
    type: "group",
    creator,
    memberIds: [creator],
    metadata: {},
    externalGroupId: null,
    createdAt: someTime,
    ...fields
  }
}

/** A conversation in storage, to write to. */
export const newConversation = Effect.gen(function* () {
  const store = yield* ConversationStore
  return (yield* store.create(group())).id
})

export type AppendResult = Result.Result<Appended, AppendError>

/** The result of an append; the append happens when this runs. */
export const append = (fields: Partial<NewMessage> & Pick<NewMessage, "conversationId">) =>
  Effect.flatMap(MessageWriter, (writer) =>
    Effect.callback<Appended, AppendError>((resume) => {
      writer.append(message(fields), (result) => resume(Effect.fromResult(result)))
    })
  )

/** Appends all, at once and in order, so that they come into one batch, and answers their results in order. */
export const appendAll = (messages: ReadonlyArray<NewMessage>) =>
  Effect.flatMap(MessageWriter, (writer) =>
    Effect.callback<ReadonlyArray<AppendResult>>((resume) => {
      const results: Array<AppendResult> = []
      let open = messages.length
      messages.forEach((m, i) => {
        writer.append(m, (result) => {
          results[i] = result
          if (--open === 0) resume(Effect.succeed(results))
        })
      })
      if (messages.length === 0) resume(Effect.succeed(results))
    })
  )

export type ChangeResult = Result.Result<ChangeOutcome, ChangeError>

export const newChange = (
  conversationId: ConversationId,
  messageId: MessageId,
  change: Change,
  fields: Partial<NewChange> = {}
): NewChange => ({
  id: SecureRandom.uuidV7Unsafe(),
  conversationId,
  messageId,
  userId: userId(),
  at: someTime,
  change,
  ...fields
})

/** Makes one change; it happens when this runs. */
export const change = (made: NewChange) =>
  Effect.flatMap(MessageWriter, (writer) =>
    Effect.callback<ChangeOutcome, ChangeError>((resume) => {
      writer.change(made, (result) => resume(Effect.fromResult(result)))
    })
  )

/** Hands over all, at once and in order, so that they come into one batch, and answers their results in order. */
export const writeAll = (items: ReadonlyArray<NewMessage | NewChange>) =>
  Effect.flatMap(MessageWriter, (writer) =>
    Effect.callback<ReadonlyArray<AppendResult | ChangeResult>>((resume) => {
      const results: Array<AppendResult | ChangeResult> = []
      let open = items.length
      items.forEach((item, i) => {
        const done = (result: AppendResult | ChangeResult) => {
          results[i] = result
          if (--open === 0) resume(Effect.succeed(results))
        }
        if ("change" in item) writer.change(item, done)
        else writer.append(item, done)
      })
    })
  )
