/** What a user's devices may have missed, read from their own memberships: as many rows as they have conversations. */
import { PgTypes } from "@effect/sql-pg"
import { Clock, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { ConversationId } from "../../domain/Ids.ts"
import { MAX_UNREAD_CONVERSATIONS, SyncStore } from "../../domain/ports/SyncStore.ts"
import { Database } from "../database/Database.ts"
import { uuids } from "../database/SqlArrays.ts"
import { seenBy, unreadMessages } from "./ConversationSql.ts"

/** $1 user, $2 since (Unix ms), $3 conversations that are named, $4 rows, $5 changes looked through, $6 undelivered too. */
export const backlogSql = `
  SELECT c.id, c.last_seq::float8, m.joined_seq::float8, m.cleared_seq::float8,
    m.last_delivered_seq::float8, (s.settings ->> 'retention_seconds')::float8 * 1000 AS retention,
    (
      SELECT min(r.version_seq) FROM (
        SELECT version_seq, updated_at FROM messages WHERE conversation_id = c.id
        ORDER BY version_seq DESC LIMIT $5
      ) r WHERE r.updated_at >= to_timestamp($2::float8 / 1000)
    )::float8 AS changed_from
  FROM conversation_members m JOIN conversations c ON c.id = m.conversation_id
  LEFT JOIN conversation_settings s ON s.conversation_id = c.id
  WHERE m.user_id = $1 AND m.is_active AND c.is_active AND (
    c.id = ANY ($3::uuid[])
    OR c.changed_at >= to_timestamp($2 / 1000)
    OR ($6::boolean AND c.last_seq > greatest(m.last_delivered_seq, m.joined_seq))
  )
  ORDER BY c.changed_at DESC, c.id LIMIT $4`

/**
 * $1 user, $2 since (Unix ms), $3 rows. Of a conversation that the user has left only the leaving is their business; one
 * that was deleted keeps its members.
 */
export const changedSql = `
  SELECT m.conversation_id AS id FROM conversation_members m
  WHERE m.user_id = $1 AND NOT m.is_active AND m.entry_changed_at >= to_timestamp($2::float8 / 1000)
  UNION ALL
  SELECT c.id FROM conversation_members m JOIN conversations c ON c.id = m.conversation_id
  LEFT JOIN conversation_settings s ON s.conversation_id = c.id
  WHERE m.user_id = $1 AND m.is_active
    AND greatest(m.entry_changed_at, c.entry_changed_at, s.updated_at) >= to_timestamp($2 / 1000)
  LIMIT $3`

/** $1 user, $2 rows, $3 at. */
export const unreadSql = `
  SELECT c.id, c.last_seq::float8, m.last_read_seq::float8, (${unreadMessages({
    conversation: "c.id",
    user: "$1",
    seen: seenBy,
    hidden: "m.last_hidden_seq",
    at: "$3"
  })}
  ) AS unread_count
  FROM conversation_members m JOIN conversations c ON c.id = m.conversation_id
  WHERE m.user_id = $1 AND m.is_active AND c.is_active AND c.last_seq > ${seenBy}
  ORDER BY c.updated_at DESC, c.id LIMIT $2`

interface BacklogRow {
  readonly id: ConversationId
  readonly last_seq: number
  readonly joined_seq: number
  readonly cleared_seq: number
  readonly last_delivered_seq: number
  readonly changed_from: number | null
  readonly retention: number | null
}

interface UnreadRow {
  readonly id: ConversationId
  readonly last_seq: number
  readonly last_read_seq: number
  readonly unread_count: number
}

export const layer = Layer.effect(
  SyncStore,
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const database = yield* Database
    return SyncStore.of({
      backlog: (userId, { limit, lookBack, named, since, undelivered }) =>
        Effect.map(
          database.run(
            "SyncStore.backlog",
            sql.unsafe<BacklogRow>(backlogSql, [
              userId,
              PgTypes.float8(since),
              uuids(named),
              limit,
              lookBack,
              undelivered
            ])
          ),
          (rows) =>
            rows.map((row) => ({
              conversationId: row.id,
              lastSeq: row.last_seq,
              joinedSeq: row.joined_seq,
              clearedSeq: row.cleared_seq,
              deliveredSeq: row.last_delivered_seq,
              changedFrom: row.changed_from ?? undefined,
              retention: row.retention
            }))
        ),

      changed: (userId, { limit, since }) =>
        Effect.map(
          database.run(
            "SyncStore.changed",
            sql.unsafe<{ readonly id: ConversationId }>(changedSql, [userId, PgTypes.float8(since), limit])
          ),
          (rows) => rows.map((row) => row.id)
        ),

      unread: Effect.fnUntraced(function* (userId) {
        const at = PgTypes.timestamptz(yield* Clock.currentTimeMillis)
        const rows = yield* database.run(
          "SyncStore.unread",
          sql.unsafe<UnreadRow>(unreadSql, [userId, MAX_UNREAD_CONVERSATIONS + 1, at])
        )
        const shown = rows.slice(0, MAX_UNREAD_CONVERSATIONS).filter((row) => row.unread_count > 0)
        return {
          total: shown.reduce((sum, row) => sum + row.unread_count, 0),
          conversations: shown.map((row) => ({
            conversation_id: row.id,
            last_seq: row.last_seq,
            last_read_seq: row.last_read_seq,
            unread_count: row.unread_count
          })),
          has_more: rows.length > MAX_UNREAD_CONVERSATIONS
        }
      })
    })
  })
)
