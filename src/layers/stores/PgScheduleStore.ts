/** `ScheduleStore` in SQL; see migrations/0019 for what keeps a message from being sent twice. */
import { PgTypes } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { NewAttachment } from "../../domain/Commands.ts"
import { Conflict, NotFound } from "../../domain/Errors.ts"
import type { TrustLevel } from "../../domain/Identity.ts"
import type { ConversationId, MessageId, UserId } from "../../domain/Ids.ts"
import type { Metadata } from "../../domain/Message.ts"
import { type DueMessage, ScheduleStore } from "../../domain/ports/ScheduleStore.ts"
import type { ScheduledMessage, ScheduleStatus } from "../../domain/Scheduled.ts"
import { Database } from "../database/Database.ts"
import * as ConversationCursor from "./ConversationCursor.ts"

interface Row {
  readonly id: string
  readonly conversation_id: ConversationId
  readonly sender_id: UserId
  readonly message_type: ScheduledMessage["message_type"]
  readonly content: Uint8Array
  readonly metadata: Metadata
  readonly client_random: number
  readonly reply_to_id: MessageId | null
  readonly attachments: ReadonlyArray<NewAttachment>
  readonly expires_in: number | null
  readonly trust: TrustLevel
  readonly scheduled_for: Date
  readonly is_sent: boolean
  readonly is_cancelled: boolean
  readonly message_id: MessageId | null
  readonly failure: string | null
  readonly created_at: Date
  readonly updated_at: Date
}

const columns = `s.id, s.conversation_id, s.sender_id, s.message_type, s.content, s.metadata, s.client_random::float8,
  s.reply_to_id, s.attachments, s.expires_in, s.trust, s.scheduled_for, s.is_sent, s.is_cancelled, s.message_id,
  s.failure, s.created_at, s.updated_at`

const pending = "NOT s.is_sent AND NOT s.is_cancelled AND s.failure IS NULL"

/** $13 at, $14 how many a sender may have pending. No row: the sender has as many, or had it before. */
export const createSql = `
  INSERT INTO scheduled_messages AS s (id, conversation_id, sender_id, message_type, content, metadata, client_random,
    reply_to_id, attachments, expires_in, trust, scheduled_for, attempt_at, created_at, updated_at)
  SELECT $1::uuid, $2::uuid, $3::uuid, $4::text, $5::bytea, $6::jsonb, $7::float8::bigint, $8::uuid, $9::jsonb, $10::int,
    $11::text, $12::timestamptz, $12, $13::timestamptz, $13
  WHERE (SELECT count(*) FROM scheduled_messages s WHERE s.sender_id = $3 AND ${pending}) < $14::int
  ON CONFLICT DO NOTHING
  RETURNING ${columns}`

const findSql = `
  SELECT ${columns} FROM scheduled_messages s
  WHERE s.conversation_id = $1 AND s.sender_id = $2 AND s.client_random = $3::float8::bigint`

const getSql = `SELECT ${columns} FROM scheduled_messages s WHERE s.id = $1::uuid AND s.sender_id = $2`

/** As `statusOf` has it. */
const having: Readonly<Record<ScheduleStatus, string>> = {
  pending,
  sent: "s.is_sent",
  cancelled: "s.is_cancelled",
  failed: "s.failure IS NOT NULL"
}

/** $1 sender, $2 µs and $3 id where the last page ended, or null, $4 rows. */
export const listSql = (status?: ScheduleStatus) => `
  SELECT ${columns} FROM scheduled_messages s
  WHERE s.sender_id = $1${status === undefined ? "" : ` AND ${having[status]}`}
    AND ($2::float8 IS NULL OR (s.scheduled_for, s.id) > ('epoch'::timestamptz + $2 * interval '1 microsecond', $3::uuid))
  ORDER BY s.scheduled_for, s.id LIMIT $4`

/** $1 id, $2 sender, $3 content, $4 metadata, $5 attachments, $6 scheduled for; null for what stays. */
const updateSql = `
  UPDATE scheduled_messages s SET content = coalesce($3::bytea, s.content), metadata = coalesce($4::jsonb, s.metadata),
    attachments = coalesce($5::jsonb, s.attachments), scheduled_for = coalesce($6::timestamptz, s.scheduled_for),
    attempt_at = coalesce($6, s.attempt_at), updated_at = now()
  WHERE s.id = $1::uuid AND s.sender_id = $2 AND ${pending} AND NOT s.is_sending
  RETURNING ${columns}`

const cancelSql = `
  UPDATE scheduled_messages s SET is_cancelled = true, updated_at = now()
  WHERE s.id = $1::uuid AND s.sender_id = $2 AND ${pending} AND NOT s.is_sending
  RETURNING ${columns}`

/** $1 at, $2 until, $3 rows. What another node is taking is passed over. */
export const takeSql = `
  WITH due AS MATERIALIZED (
    SELECT s.id, s.is_sending FROM scheduled_messages s
    WHERE s.attempt_at <= $1 AND ${pending}
    ORDER BY s.attempt_at, s.id LIMIT $3 FOR UPDATE SKIP LOCKED
  )
  UPDATE scheduled_messages s SET is_sending = true, attempt_at = $2, updated_at = now()
  FROM due WHERE s.id = due.id
  RETURNING ${columns}, due.is_sending AS is_in_doubt`

/** $1 id, $2 reason. What was sent by an attempt of which nothing was recorded is sent, whatever refused the next one. */
const failedSql = `
  UPDATE scheduled_messages s SET is_sent = f.sent_id IS NOT NULL, message_id = f.sent_id,
    failure = CASE WHEN f.sent_id IS NULL THEN $2::text END, is_sending = false, updated_at = now()
  FROM (
    SELECT s.id, m.id AS sent_id FROM scheduled_messages s
    LEFT JOIN messages m ON m.conversation_id = s.conversation_id AND m.sender_id = s.sender_id
      AND m.client_random = s.client_random
    WHERE s.id = $1::uuid
  ) f
  WHERE s.id = f.id AND NOT s.is_sent`

const statusOf = (row: Row): ScheduleStatus => {
  if (row.is_sent) return "sent"
  if (row.is_cancelled) return "cancelled"
  return row.failure === null ? "pending" : "failed"
}

const scheduledOf = (row: Row): ScheduledMessage => ({
  id: row.id,
  conversation_id: row.conversation_id,
  sender_id: row.sender_id,
  message_type: row.message_type,
  content: Buffer.from(row.content).toString("utf8"),
  metadata: row.metadata,
  client_random: row.client_random,
  reply_to_id: row.reply_to_id,
  attachments: row.attachments,
  expires_in: row.expires_in,
  scheduled_for: row.scheduled_for.toISOString(),
  status: statusOf(row),
  message_id: row.message_id,
  failure: row.failure,
  created_at: row.created_at.toISOString(),
  updated_at: row.updated_at.toISOString()
})

const bytesOf = (content: string | undefined) => (content === undefined ? null : Buffer.from(content, "utf8"))

const timeOf = (text: string | undefined) => PgTypes.timestamptz(text === undefined ? null : Date.parse(text))

const notFound = new NotFound({ what: "scheduled message" })

const make = Effect.gen(function* () {
  const sql = yield* SqlClient
  const database = yield* Database

  const query = (what: string, text: string, parameters: ReadonlyArray<unknown>) =>
    database.run(`ScheduleStore.${what}`, sql.unsafe<Row>(text, parameters))

  const get = Effect.fnUntraced(function* (id: string, senderId: UserId) {
    const [row] = yield* query("get", getSql, [id, senderId])
    return row === undefined ? yield* notFound : scheduledOf(row)
  })

  /** What has been found where nothing could be changed. */
  const unchangeable = Effect.fnUntraced(function* (id: string, senderId: UserId) {
    const { status } = yield* get(id, senderId)
    return yield* new Conflict({
      what: status === "pending" ? "the message is being sent" : `the message is ${status}`
    })
  })

  const settle = (what: string, assignments: string, parameters: ReadonlyArray<unknown>) =>
    Effect.asVoid(
      query(
        what,
        `UPDATE scheduled_messages s SET ${assignments}, updated_at = now() WHERE s.id = $1::uuid AND NOT s.is_sent`,
        parameters
      )
    )

  return ScheduleStore.of({
    get,
    create: Effect.fnUntraced(function* ({ at, conversationId, id, message, senderId, trust }, maxPending) {
      const [created] = yield* query("create", createSql, [
        id,
        conversationId,
        senderId,
        message.message_type ?? "text",
        bytesOf(message.content),
        PgTypes.jsonb(message.metadata ?? {}),
        message.client_random,
        PgTypes.uuid(message.reply_to_id ?? null),
        PgTypes.jsonb(message.attachments ?? []),
        PgTypes.int4(message.expires_in ?? null),
        trust,
        timeOf(message.scheduled_for),
        PgTypes.timestamptz(at),
        maxPending
      ])
      if (created !== undefined) return { scheduled: scheduledOf(created), created: true }
      const [known] = yield* query("find", findSql, [conversationId, senderId, message.client_random])
      if (known !== undefined) return { scheduled: scheduledOf(known), created: false }
      return yield* new Conflict({ what: `you have ${maxPending} scheduled messages, the most there may be` })
    }),

    list: Effect.fnUntraced(function* (senderId, { cursor, limit, status }) {
      const after = cursor === undefined ? undefined : ConversationCursor.decode(cursor)
      if (cursor !== undefined && after === undefined) return yield* new Conflict({ what: "cursor" })
      const rows = yield* query("list", listSql(status), [
        senderId,
        PgTypes.float8(after?.updatedAt ?? null),
        PgTypes.uuid(after?.id ?? null),
        limit + 1
      ])
      const items = rows.slice(0, limit).map(scheduledOf)
      const last = items.at(-1)
      return {
        items,
        nextCursor:
          rows.length > limit && last !== undefined
            ? ConversationCursor.encode({ updatedAt: Date.parse(last.scheduled_for) * 1000, id: last.id })
            : null
      }
    }),

    update: Effect.fnUntraced(function* (id, senderId, changes) {
      const [row] = yield* query("update", updateSql, [
        id,
        senderId,
        PgTypes.bytea(bytesOf(changes.content)),
        PgTypes.jsonb(changes.metadata ?? null),
        PgTypes.jsonb(changes.attachments ?? null),
        timeOf(changes.scheduled_for)
      ])
      return row === undefined ? yield* unchangeable(id, senderId) : scheduledOf(row)
    }),

    cancel: Effect.fnUntraced(function* (id, senderId) {
      const [row] = yield* query("cancel", cancelSql, [id, senderId])
      if (row !== undefined) return scheduledOf(row)
      const found = yield* get(id, senderId)
      return found.status === "cancelled" ? found : yield* unchangeable(id, senderId)
    }),

    take: (at, until, limit) =>
      Effect.map(
        database.run(
          "ScheduleStore.take",
          sql.unsafe<Row & { readonly is_in_doubt: boolean }>(takeSql, [
            PgTypes.timestamptz(at),
            PgTypes.timestamptz(until),
            limit
          ])
        ),
        (rows) =>
          rows
            .map(
              (row): DueMessage => ({
                scheduled: scheduledOf(row),
                trust: row.trust,
                isInDoubt: row.is_in_doubt
              })
            )
            .sort(
              ({ scheduled: a }, { scheduled: b }) =>
                Date.parse(a.scheduled_for) - Date.parse(b.scheduled_for) || (a.id < b.id ? -1 : 1)
            )
      ),

    sent: (id, messageId) => settle("sent", "is_sent = true, message_id = $2::uuid", [id, messageId]),
    failed: (id, reason) => Effect.asVoid(query("failed", failedSql, [id, reason])),
    later: (id, at, isInDoubt) =>
      settle("later", "attempt_at = $2, is_sending = $3", [id, PgTypes.timestamptz(at), isInDoubt])
  })
})

export const layer = Layer.effect(ScheduleStore, make)
