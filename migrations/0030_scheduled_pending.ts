/**
 * The messages that a sender has still to send, by themselves: they are as many as a sender may have, while those that were
 * sent, cancelled or refused grow for ever. They are counted with each new one, and what a sender looks at first.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE INDEX scheduled_messages_pending ON scheduled_messages (sender_id, scheduled_for, id)
    WHERE NOT is_sent AND NOT is_cancelled AND failure IS NULL`
})
