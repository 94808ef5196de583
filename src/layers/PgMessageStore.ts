/**
 * Reading messages: every read takes one page from an index on `messages`, then gathers what hangs on that page.
 * Owns the SQL and the way from a row to a `Message`. Writing is `PgMessageWriter`'s.
 */
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { ConversationId, MessageId, UserId } from "../domain/Ids.ts"
import type { Attachment, Message, MessageType, Metadata, Reaction } from "../domain/Message.ts"
import { MessageStore } from "../domain/ports/MessageStore.ts"
import { Database } from "./Database.ts"
import * as statements from "./MessageSql.ts"

interface Row {
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
  readonly expires_at: Date | null
  readonly is_deleted: boolean
  readonly is_pinned: boolean
  readonly reactions: ReadonlyArray<Reaction> | null
  readonly attachments: ReadonlyArray<Attachment> | null
}

const textOf = (content: Uint8Array): string =>
  Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("utf8")

const none: ReadonlyArray<never> = []

const messageOf = (row: Row): Message => ({
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
  expires_at: row.expires_at === null ? null : row.expires_at.toISOString(),
  is_deleted: row.is_deleted,
  is_pinned: row.is_pinned,
  reactions: row.reactions ?? none,
  attachments: row.attachments ?? none
})

const make = Effect.gen(function* () {
  const sql = yield* SqlClient
  const database = yield* Database

  const read = (what: string, text: string, params: ReadonlyArray<unknown>) =>
    Effect.map(database.run(what, sql.unsafe<Row>(text, params)), (rows) => rows.map(messageOf))

  return MessageStore.of({
    catchUp: (id, afterSeq, limit) => read("MessageStore.catchUp", statements.catchUp, [id, afterSeq, limit]),
    before: (id, beforeSeq, limit) =>
      beforeSeq === undefined
        ? read("MessageStore.newest", statements.newest, [id, limit])
        : read("MessageStore.before", statements.before, [id, beforeSeq, limit]),
    after: (id, afterSeq, limit) => read("MessageStore.after", statements.after, [id, afterSeq, limit]),
    get: (id) => Effect.map(read("MessageStore.get", statements.get, [id]), (messages) => messages[0])
  })
})

export const layer = Layer.effect(MessageStore, make)
