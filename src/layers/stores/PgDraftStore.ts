/** `DraftStore` in SQL. */
import { PgTypes } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { Draft } from "../../domain/Draft.ts"
import { Conflict } from "../../domain/Errors.ts"
import type { ConversationId, MessageId } from "../../domain/Ids.ts"
import type { Metadata } from "../../domain/Message.ts"
import { DraftStore } from "../../domain/ports/DraftStore.ts"
import { Database } from "../database/Database.ts"
import * as ConversationCursor from "./ConversationCursor.ts"

interface Row {
  readonly conversation_id: ConversationId
  readonly content: Uint8Array
  readonly metadata: Metadata
  readonly reply_to_id: MessageId | null
  readonly updated_at: Date
}

const columns = "d.conversation_id, d.content, d.metadata, d.reply_to_id, d.updated_at"

/** Drafts `d` of conversations that their user is in: the others are out of reach, until the user is back. */
const within = `
  JOIN conversation_members m ON m.user_id = d.user_id AND m.conversation_id = d.conversation_id AND m.is_active
  JOIN conversations c ON c.id = d.conversation_id AND c.is_active`

/** $7 how many a user may have. No row: they have as many, and this would be one more. */
const saveSql = `
  INSERT INTO drafts AS d (user_id, conversation_id, content, metadata, reply_to_id, updated_at)
  SELECT $1::uuid, $2::uuid, $3::bytea, $4::jsonb, $5::uuid, $6::timestamptz
  WHERE (SELECT count(*) FROM drafts d${within} WHERE d.user_id = $1 AND d.conversation_id <> $2) < $7::int
  ON CONFLICT (user_id, conversation_id) DO UPDATE SET content = excluded.content, metadata = excluded.metadata,
    reply_to_id = excluded.reply_to_id, updated_at = excluded.updated_at
  RETURNING ${columns}`

const getSql = `SELECT ${columns} FROM drafts d WHERE d.user_id = $1 AND d.conversation_id = $2`

const removeSql = "DELETE FROM drafts WHERE user_id = $1 AND conversation_id = $2 RETURNING conversation_id"

/** $1 user, $2 µs and $3 conversation where the last page ended, or null, $4 rows. */
export const listSql = `
  SELECT ${columns} FROM drafts d${within}
  WHERE d.user_id = $1 AND ($2::float8 IS NULL
    OR (d.updated_at, d.conversation_id) < ('epoch'::timestamptz + $2 * interval '1 microsecond', $3::uuid))
  ORDER BY d.updated_at DESC, d.conversation_id DESC LIMIT $4`

const draftOf = (row: Row): Draft => ({
  conversation_id: row.conversation_id,
  content: Buffer.from(row.content).toString("utf8"),
  metadata: row.metadata,
  reply_to_id: row.reply_to_id,
  updated_at: row.updated_at.toISOString()
})

const make = Effect.gen(function* () {
  const sql = yield* SqlClient
  const database = yield* Database

  const query = (what: string, text: string, parameters: ReadonlyArray<unknown>) =>
    database.run(`DraftStore.${what}`, sql.unsafe<Row>(text, parameters))

  return DraftStore.of({
    save: Effect.fnUntraced(function* (userId, id, draft, { at, maxDrafts }) {
      const [row] = yield* query("save", saveSql, [
        userId,
        id,
        Buffer.from(draft.content, "utf8"),
        PgTypes.jsonb(draft.metadata ?? {}),
        PgTypes.uuid(draft.reply_to_id ?? null),
        PgTypes.timestamptz(at),
        maxDrafts
      ])
      if (row === undefined)
        return yield* new Conflict({ what: `you have ${maxDrafts} drafts, the most there may be` })
      return draftOf(row)
    }),
    get: (userId, id) => Effect.map(query("get", getSql, [userId, id]), ([row]) => row && draftOf(row)),
    remove: (userId, id) => Effect.map(query("remove", removeSql, [userId, id]), (rows) => rows.length > 0),
    list: Effect.fnUntraced(function* (userId, { cursor, limit }) {
      const after = cursor === undefined ? undefined : ConversationCursor.decode(cursor)
      if (cursor !== undefined && after === undefined) return yield* new Conflict({ what: "cursor" })
      const rows = yield* query("list", listSql, [
        userId,
        PgTypes.float8(after?.updatedAt ?? null),
        PgTypes.uuid(after?.id ?? null),
        limit + 1
      ])
      const items = rows.slice(0, limit).map(draftOf)
      const last = items.at(-1)
      return {
        items,
        nextCursor:
          rows.length > limit && last !== undefined
            ? ConversationCursor.encode({
                updatedAt: Date.parse(last.updated_at) * 1000,
                id: last.conversation_id
              })
            : null
      }
    })
  })
})

export const layer = Layer.effect(DraftStore, make)
