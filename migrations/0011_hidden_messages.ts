/**
 * Messages that one member has deleted for themselves. `hidden_seq` is the conversation's last seq at that moment: a
 * device that was away with an earlier position, or the same one, has not heard of it. `last_hidden_seq` tells
 * whether there is any such mark to look for.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE hidden_messages (
      id uuid PRIMARY KEY,
      conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
      message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
      user_id uuid NOT NULL,
      hidden_seq bigint NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT hidden_messages_unique UNIQUE (user_id, message_id)
    )`
  yield* sql`CREATE INDEX hidden_messages_message ON hidden_messages (message_id)`
  yield* sql`CREATE INDEX hidden_messages_newest ON hidden_messages (user_id, conversation_id, hidden_seq)`
  yield* sql`ALTER TABLE conversation_members ADD COLUMN last_hidden_seq bigint NOT NULL DEFAULT 0`
})
