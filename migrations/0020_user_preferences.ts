/** What users have decided about themselves. Without a row the defaults hold. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE user_preferences (
      user_id uuid PRIMARY KEY,
      read_receipts boolean NOT NULL DEFAULT true,
      notifications boolean NOT NULL DEFAULT true,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )`
})
