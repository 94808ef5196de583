/**
 * When users were last there. Without a row they never were since it is kept. Rows are written again and again, hence the
 * fill factor: no index but that of the key, so most of it stays within a page.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE last_seen (
      user_id uuid PRIMARY KEY,
      seen_at timestamptz NOT NULL
    ) WITH (fillfactor = 70)`
  yield* sql`ALTER TABLE user_preferences ADD COLUMN last_seen boolean NOT NULL DEFAULT true`
})
