/** `RetentionStore` beside the conversations' settings; see migrations/0016. */
import { PgTypes } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { ConversationId } from "../../domain/Ids.ts"
import { RetentionStore } from "../../domain/ports/RetentionStore.ts"
import { Database } from "../database/Database.ts"
import { messageOf, type Row } from "./MessageRow.ts"
import { bare } from "./MessageSql.ts"

interface DueRow {
  readonly conversation_id: ConversationId
  readonly seconds: number
  readonly retained_seq: number
}

/** $1 at, $2 rows. */
export const dueSql = `
  SELECT s.conversation_id, (s.settings ->> 'retention_seconds')::float8 AS seconds, s.retained_seq::float8
  FROM conversation_settings s JOIN conversations c ON c.id = s.conversation_id
  WHERE s.retain_at IS NOT NULL AND s.retain_at <= $1 AND c.is_active
  ORDER BY s.retain_at LIMIT $2`

/** $1 conversation, $2 after seq, $3 rows. */
export const afterSql = bare(
  "id = ANY (ARRAY (SELECT id FROM messages WHERE conversation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3))",
  "p.seq"
)

/** $1 conversation, $2 retained seq, $3 retain at, $4 the retention in force, in seconds. */
const advanceSql = `
  UPDATE conversation_settings SET retained_seq = greatest(retained_seq, $2::float8::bigint), retain_at = $3
  WHERE conversation_id = $1 AND (settings ->> 'retention_seconds')::float8 = $4::float8`

const make = Effect.gen(function* () {
  const sql = yield* SqlClient
  const database = yield* Database

  return RetentionStore.of({
    due: (at, limit) =>
      Effect.map(
        database.run("RetentionStore.due", sql.unsafe<DueRow>(dueSql, [PgTypes.timestamptz(at), limit])),
        (rows) =>
          rows.map((row) => ({
            conversationId: row.conversation_id,
            retention: row.seconds * 1000,
            retainedSeq: row.retained_seq
          }))
      ),
    after: (id, seq, limit) =>
      Effect.map(database.run("RetentionStore.after", sql.unsafe<Row>(afterSql, [id, seq, limit])), (rows) =>
        rows.map(messageOf)
      ),
    advance: ({ conversationId, retention }, retainedSeq, retainAt) =>
      Effect.asVoid(
        database.run(
          "RetentionStore.advance",
          sql.unsafe(advanceSql, [
            conversationId,
            retainedSeq,
            PgTypes.timestamptz(retainAt),
            retention / 1000
          ])
        )
      )
  })
})

export const layer = Layer.effect(RetentionStore, make)
