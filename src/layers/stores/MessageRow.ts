/** A message as the database gives it, and the way from there to its one shape. */
import type { ConversationId, MessageId, UserId } from "../../domain/Ids.ts"
import type { Attachment, Message, MessageType, Metadata, Reaction } from "../../domain/Message.ts"

export interface Row {
  readonly id: MessageId
  readonly conversation_id: ConversationId
  readonly seq: number
  readonly version_seq: number
  readonly sender_id: UserId
  readonly reply_to_id: MessageId | null
  readonly message_type: MessageType
  readonly content: Uint8Array | null
  readonly metadata: Metadata
  readonly client_random: number
  readonly sent_at: Date
  readonly edited_at: Date | null
  readonly edit_count: number
  readonly expires_at: Date | null
  readonly is_deleted: boolean
  readonly is_pinned: boolean
  readonly reactions: ReadonlyArray<Reaction> | null
  readonly attachments: ReadonlyArray<Attachment> | null
}

const textOf = (content: Uint8Array): string =>
  Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("utf8")

const none: ReadonlyArray<never> = []

export const messageOf = (row: Row): Message => ({
  id: row.id,
  conversation_id: row.conversation_id,
  seq: row.seq,
  version_seq: row.version_seq,
  sender_id: row.sender_id,
  reply_to_id: row.reply_to_id,
  message_type: row.message_type,
  content: row.content === null ? null : textOf(row.content),
  metadata: row.metadata,
  client_random: row.client_random,
  sent_at: row.sent_at.toISOString(),
  edited_at: row.edited_at === null ? null : row.edited_at.toISOString(),
  edit_count: row.edit_count,
  expires_at: row.expires_at === null ? null : row.expires_at.toISOString(),
  is_deleted: row.is_deleted,
  is_pinned: row.is_pinned,
  reactions: row.reactions ?? none,
  attachments: row.attachments ?? none
})
