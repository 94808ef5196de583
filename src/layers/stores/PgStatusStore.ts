/** `StatusStore` in SQL: from the members' positions, and from the times that `DeliveryTimes` has written. */
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { UserId } from "../../domain/Ids.ts"
import { type Recipient, StatusStore } from "../../domain/ports/StatusStore.ts"
import { Database } from "../database/Database.ts"

interface Row {
  readonly total: number
  readonly delivered_count: number
  readonly read_count: number
  readonly user_id: UserId | null
  readonly delivered: boolean
  readonly read: boolean
  readonly delivered_at: Date | null
  readonly read_at: Date | null
}

/**
 * $1 conversation, $2 message, $3 its seq, $4 its sender, $5 viewer, $6 how many to list. Who keeps their reading to
 * themselves is not seen to read, and sees nobody read but themselves.
 */
export const recipientsSql = `
  WITH viewer AS (
    SELECT coalesce((SELECT p.read_receipts FROM user_preferences p WHERE p.user_id = $5::uuid), true) AS shows
  ), recipient AS MATERIALIZED (
    SELECT m.user_id, m.last_delivered_seq >= $3::float8 AS delivered,
      m.last_read_seq >= $3::float8
        AND (m.user_id = $5::uuid OR v.shows AND coalesce(p.read_receipts, true)) AS read
    FROM conversation_members m CROSS JOIN viewer v LEFT JOIN user_preferences p ON p.user_id = m.user_id
    WHERE m.conversation_id = $1::uuid AND m.is_active AND m.user_id <> $4::uuid AND m.joined_seq < $3::float8
  ), counted AS (
    SELECT count(*)::int AS total, (count(*) FILTER (WHERE delivered))::int AS delivered_count,
      (count(*) FILTER (WHERE read))::int AS read_count
    FROM recipient
  )
  SELECT c.*, r.user_id, r.delivered, r.read, s.delivered_at, s.read_at
  FROM counted c
  LEFT JOIN recipient r ON c.total <= $6::int
  LEFT JOIN delivery_statuses s ON s.message_id = $2::uuid AND s.user_id = r.user_id
  ORDER BY r.user_id`

const recipientOf = (row: Row): ReadonlyArray<Recipient> =>
  row.user_id === null
    ? []
    : [
        {
          userId: row.user_id,
          isDelivered: row.delivered,
          isRead: row.read,
          deliveredAt: row.delivered_at?.getTime(),
          readAt: row.read ? row.read_at?.getTime() : undefined
        }
      ]

export const layer = Layer.effect(
  StatusStore,
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const database = yield* Database
    return StatusStore.of({
      recipientsOf: ({ conversation_id, id, sender_id, seq }, { maxListed, viewer }) =>
        Effect.map(
          database.run(
            "StatusStore.recipientsOf",
            sql.unsafe<Row>(recipientsSql, [conversation_id, id, seq, sender_id, viewer, maxListed])
          ),
          (rows) => {
            const { delivered_count: delivered = 0, read_count: read = 0, total = 0 } = rows[0] ?? {}
            return { total, delivered, read, list: total > maxListed ? undefined : rows.flatMap(recipientOf) }
          }
        )
    })
  })
)
