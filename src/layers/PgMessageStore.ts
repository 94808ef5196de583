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

interface PinRow extends Row {
  readonly pinned_by: UserId
  readonly pinned_at: Date
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

  /** The statements for a viewer, and what they take more. */
  const as = (viewer: UserId | undefined) =>
    viewer === undefined ? ([statements, []] as const) : ([statements.visible, [viewer]] as const)

  return MessageStore.of({
    catchUp: (id, afterSeq, limit, viewer) => {
      const [{ catchUp }, more] = as(viewer)
      return read("MessageStore.catchUp", catchUp, [id, afterSeq, limit, ...more])
    },
    before: (id, beforeSeq, limit, viewer) => {
      const [{ before, newest }, more] = as(viewer)
      return beforeSeq === undefined
        ? read("MessageStore.newest", newest, [id, limit, ...more])
        : read("MessageStore.before", before, [id, beforeSeq, limit, ...more])
    },
    after: (id, afterSeq, limit, viewer) => {
      const [{ after }, more] = as(viewer)
      return read("MessageStore.after", after, [id, afterSeq, limit, ...more])
    },
    get: (id, viewer) => {
      const [{ get }, more] = as(viewer)
      return Effect.map(read("MessageStore.get", get, [id, ...more]), (messages) => messages[0])
    },
    pins: (id, viewer) => {
      const [{ pins }, more] = as(viewer)
      return Effect.map(database.run("MessageStore.pins", sql.unsafe<PinRow>(pins, [id, ...more])), (rows) =>
        rows.map((row) => ({
          message: messageOf(row),
          pinnedBy: row.pinned_by,
          pinnedAt: row.pinned_at.getTime()
        }))
      )
    },
    hiddenSince: (id, viewer, fromSeq, limit) =>
      Effect.map(
        database.run(
          "MessageStore.hiddenSince",
          sql.unsafe<{ readonly message_id: MessageId }>(statements.hiddenSince, [viewer, id, fromSeq, limit])
        ),
        (rows) => rows.map((row) => row.message_id)
      )
  })
})

export const layer = Layer.effect(MessageStore, make)
