/**
 * The call of `append_messages` (migrations/0013): messages as its parameters, its rows as their results, one each
 * and in the same order.
 */
import { PgTypes } from "@effect/sql-pg"
import { Result } from "effect"
import { NotFound } from "../../domain/Errors.ts"
import type { MessageId } from "../../domain/Ids.ts"
import type { AppendError, Appended, NewMessage } from "../../domain/ports/MessageWriter.ts"
import { byteas, float8s, jsonbs, texts, timestamps, uuids } from "../database/SqlArrays.ts"

export type Outcome = Result.Result<Appended, AppendError>

export const appendSql = "SELECT * FROM append_messages($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"

const attachmentsOf = (messages: ReadonlyArray<NewMessage>): PgTypes.Parameter => {
  const rows = messages.flatMap((message) =>
    message.attachments.map((attachment, position) => ({
      id: attachment.id,
      message_id: message.id,
      position,
      media_id: attachment.mediaId,
      media_type: attachment.mediaType,
      metadata: attachment.metadata
    }))
  )
  return PgTypes.jsonb(rows.length === 0 ? null : rows)
}

const hasEntries = (record: object): boolean => {
  for (const _ in record) return true
  return false
}

export const parametersOf = (messages: ReadonlyArray<NewMessage>): ReadonlyArray<unknown> => [
  uuids(messages.map((m) => m.id)),
  uuids(messages.map((m) => m.conversationId)),
  uuids(messages.map((m) => m.senderId)),
  uuids(messages.map((m) => m.replyToId)),
  texts(messages.map((m) => m.messageType)),
  byteas(messages.map((m) => Buffer.from(m.content, "utf8"))),
  jsonbs(messages.map((m) => (hasEntries(m.metadata) ? m.metadata : null))),
  float8s(messages.map((m) => m.clientRandom)),
  timestamps(messages.map((m) => m.sentAt)),
  timestamps(messages.map((m) => m.expiresAt)),
  attachmentsOf(messages)
]

export interface OutcomeRow {
  readonly outcome: number
  readonly message_id: MessageId
  readonly message_seq: number
  readonly message_sent_at: Date
}

/** By the outcomes 2 and 3 of the function. */
const notFound = [
  Result.fail(new NotFound({ what: "conversation" })),
  Result.fail(new NotFound({ what: "message to reply to" }))
] as const

export const outcomeOf = (row: OutcomeRow): Outcome =>
  row.outcome >= 2
    ? notFound[row.outcome - 2]!
    : Result.succeed({
        id: row.message_id,
        seq: row.message_seq,
        sentAt: row.message_sent_at.getTime(),
        duplicate: row.outcome === 1
      })
