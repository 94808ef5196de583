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

/**
 * What hangs on a page of messages, gathered once for the page and not once per message. Positions come as doubles,
 * which hold every number up to 2^53, and not as BigInts.
 */
const select = (page: string, order: string): string => `
  WITH page AS MATERIALIZED (SELECT * FROM messages ${page}),
  reacted AS (
    SELECT by_reaction.message_id, jsonb_agg(
      jsonb_build_object('reaction', by_reaction.reaction, 'user_ids', by_reaction.user_ids)
      ORDER BY by_reaction.first_at, by_reaction.reaction
    ) AS reactions
    FROM (
      SELECT r.message_id, r.reaction, min(r.created_at) AS first_at, jsonb_agg(r.user_id ORDER BY r.id) AS user_ids
      FROM message_reactions r WHERE r.message_id = ANY (ARRAY (SELECT p.id FROM page p))
      GROUP BY r.message_id, r.reaction
    ) by_reaction GROUP BY by_reaction.message_id
  ),
  attached AS (
    SELECT a.message_id, jsonb_agg(
      jsonb_build_object('id', a.id, 'media_id', a.media_id, 'media_type', a.media_type, 'metadata', a.metadata)
      ORDER BY a.position
    ) AS attachments
    FROM message_attachments a WHERE a.message_id = ANY (ARRAY (SELECT p.id FROM page p))
    GROUP BY a.message_id
  ),
  pinned AS (
    SELECT DISTINCT m.message_id FROM pinned_messages m WHERE m.message_id = ANY (ARRAY (SELECT p.id FROM page p))
  )
  SELECT p.id, p.conversation_id, p.seq::float8, p.version_seq::float8, p.sender_id, p.reply_to_id, p.message_type,
    p.content, p.metadata, p.client_random::float8, p.sent_at, p.edited_at, p.expires_at, p.is_deleted,
    pinned.message_id IS NOT NULL AS is_pinned, reacted.reactions, attached.attachments
  FROM page p
  LEFT JOIN reacted ON reacted.message_id = p.id
  LEFT JOIN attached ON attached.message_id = p.id
  LEFT JOIN pinned ON pinned.message_id = p.id
  ORDER BY ${order}`

const catchUpSql = select(
  "WHERE conversation_id = $1 AND version_seq > $2 ORDER BY version_seq LIMIT $3",
  "p.version_seq"
)
const newestSql = select("WHERE conversation_id = $1 ORDER BY seq DESC LIMIT $2", "p.seq")
const beforeSql = select("WHERE conversation_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3", "p.seq")
const afterSql = select("WHERE conversation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3", "p.seq")
const getSql = select("WHERE id = $1", "p.seq")

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
    catchUp: (id, afterSeq, limit) => read("MessageStore.catchUp", catchUpSql, [id, afterSeq, limit]),
    before: (id, beforeSeq, limit) =>
      beforeSeq === undefined
        ? read("MessageStore.newest", newestSql, [id, limit])
        : read("MessageStore.before", beforeSql, [id, beforeSeq, limit]),
    after: (id, afterSeq, limit) => read("MessageStore.after", afterSql, [id, afterSeq, limit]),
    get: (id) => Effect.map(read("MessageStore.get", getSql, [id]), (messages) => messages[0])
  })
})

export const layer = Layer.effect(MessageStore, make)
