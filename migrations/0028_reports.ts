/**
 * What users have reported to those who run the service: which message, user or conversation, and why. Of a message it
 * keeps whose it is and which version was reported, never what it says. Nothing here goes when its target does.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE reports (
      id uuid PRIMARY KEY,
      reporter_id uuid NOT NULL,
      target_type text NOT NULL CHECK (target_type IN ('message', 'user', 'conversation')),
      target_id uuid NOT NULL,
      conversation_id uuid,
      user_id uuid,
      version_seq bigint,
      reason text NOT NULL,
      comment text,
      created_at timestamptz NOT NULL
    )`
  yield* sql`CREATE INDEX reports_user ON reports (user_id, id) WHERE user_id IS NOT NULL`
})
