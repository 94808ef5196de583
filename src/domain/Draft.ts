/** What a user has begun to write in a conversation. Only they see it, on all of their devices. */
import { Schema } from "effect"
import { ConversationId, MessageId } from "./Ids.ts"
import { Metadata, Timestamp } from "./Message.ts"

/** UTF-8 bytes of a draft's content, and of its metadata as JSON. */
export const MAX_DRAFT_BYTES = 64 * 1024

const fits = (text: string): boolean => Buffer.byteLength(text) <= MAX_DRAFT_BYTES

const expected = `at most ${MAX_DRAFT_BYTES} bytes`

export const SaveDraft = Schema.Struct({
  content: Schema.String.pipe(
    Schema.check(Schema.makeFilter((text) => fits(text) && text.isWellFormed(), { expected }))
  ),
  metadata: Schema.optionalKey(
    Metadata.pipe(Schema.check(Schema.makeFilter((metadata) => fits(JSON.stringify(metadata)), { expected })))
  ),
  reply_to_id: Schema.optionalKey(Schema.NullOr(MessageId))
}).annotate({ identifier: "SaveDraft" })
export type SaveDraft = typeof SaveDraft.Type

export const Draft = Schema.Struct({
  conversation_id: ConversationId,
  content: Schema.String,
  metadata: Metadata,
  reply_to_id: Schema.NullOr(MessageId),
  updated_at: Timestamp
}).annotate({ identifier: "Draft" })
export type Draft = typeof Draft.Type
