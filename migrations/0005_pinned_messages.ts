/** Messages pinned in their conversation, newest pin first. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE pinned_messages (
      id uuid PRIMARY KEY,
      conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
      message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
      pinned_by uuid NOT NULL,
      pinned_at timestamptz NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT pinned_messages_unique UNIQUE (conversation_id, message_id)
    )`
  yield* sql`CREATE INDEX pinned_messages_message ON pinned_messages (message_id)`
  yield* sql`CREATE INDEX pinned_messages_newest ON pinned_messages (conversation_id, pinned_at DESC)`
})
