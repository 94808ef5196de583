/**
 * What a scheduled message needs to be sent once by any of several nodes. `attempt_at` is when the next attempt is due;
 * who takes it moves that on, so that an attempt of a node that died is made again. From the first attempt on
 * `is_sending` says that it may have been sent, and can be neither changed nor cancelled.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    ALTER TABLE scheduled_messages
      ADD COLUMN reply_to_id uuid,
      ADD COLUMN attachments jsonb NOT NULL DEFAULT '[]',
      ADD COLUMN expires_in integer,
      ADD COLUMN trust text NOT NULL DEFAULT 'normal',
      ADD COLUMN attempt_at timestamptz,
      ADD COLUMN is_sending boolean NOT NULL DEFAULT false,
      ADD COLUMN message_id uuid,
      ADD COLUMN failure text`
  yield* sql`UPDATE scheduled_messages SET attempt_at = scheduled_for`
  yield* sql`ALTER TABLE scheduled_messages ALTER COLUMN attempt_at SET NOT NULL`
  yield* sql`DROP INDEX scheduled_messages_due`
  yield* sql`
    CREATE INDEX scheduled_messages_due ON scheduled_messages (attempt_at, id)
    WHERE NOT is_sent AND NOT is_cancelled AND failure IS NULL`
  yield* sql`DROP INDEX scheduled_messages_sender`
  yield* sql`CREATE INDEX scheduled_messages_sender ON scheduled_messages (sender_id, scheduled_for, id)`
})
