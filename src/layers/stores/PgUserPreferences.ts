/** Preferences in SQL: a row per user who has changed any. */
import { PgTypes } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { UserId } from "../../domain/Ids.ts"
import { defaultPreferences, type Preferences } from "../../domain/Preferences.ts"
import { UserPreferences } from "../../domain/ports/UserPreferences.ts"
import { Database } from "../database/Database.ts"
import { uuids } from "../database/SqlArrays.ts"

const columns = "read_receipts, notifications, last_seen"

/** $1 user; $2 to $4 the preferences, null for as they are. */
const updateSql = `
  INSERT INTO user_preferences AS p (user_id, read_receipts, notifications, last_seen)
  VALUES ($1, coalesce($2::boolean, true), coalesce($3::boolean, true), coalesce($4::boolean, true))
  ON CONFLICT (user_id) DO UPDATE SET
    read_receipts = coalesce($2::boolean, p.read_receipts),
    notifications = coalesce($3::boolean, p.notifications),
    last_seen = coalesce($4::boolean, p.last_seen),
    updated_at = now()
  RETURNING ${columns}`

/** $1 conversation, $2 users. */
const notifiableSql = `
  SELECT m.user_id FROM conversation_members m
  LEFT JOIN user_preferences p ON p.user_id = m.user_id
  WHERE m.conversation_id = $1 AND m.user_id = ANY ($2::uuid[]) AND m.is_active
    AND coalesce(p.notifications, true) AND NOT (
      coalesce((m.settings ->> 'muted')::boolean, false)
      AND coalesce((m.settings ->> 'muted_until')::timestamptz > now(), true)
    )`

export const layer = Layer.effect(
  UserPreferences,
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const database = yield* Database
    return UserPreferences.of({
      get: (userId) =>
        Effect.map(
          database.run(
            "UserPreferences.get",
            sql.unsafe<Preferences>(`SELECT ${columns} FROM user_preferences WHERE user_id = $1`, [userId])
          ),
          ([row]) => row ?? defaultPreferences
        ),

      update: (userId, changes) =>
        Effect.map(
          database.run(
            "UserPreferences.update",
            sql.unsafe<Preferences>(updateSql, [
              userId,
              PgTypes.bool(changes.read_receipts ?? null),
              PgTypes.bool(changes.notifications ?? null),
              PgTypes.bool(changes.last_seen ?? null)
            ])
          ),
          ([row]) => row ?? defaultPreferences
        ),

      notifiable: (conversationId, userIds) =>
        Effect.map(
          database.run(
            "UserPreferences.notifiable",
            sql.unsafe<{ readonly user_id: UserId }>(notifiableSql, [conversationId, uuids(userIds)])
          ),
          (rows) => rows.map((row) => row.user_id)
        )
    })
  })
)
