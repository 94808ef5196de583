/** Messages to be sent later. The partial index holds only what is still due, so that looking for it stays cheap. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE scheduled_messages (
      id uuid PRIMARY KEY,
      conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
      sender_id uuid NOT NULL,
      message_type text NOT NULL CHECK (message_type IN ('text', 'media', 'system')),
      content bytea NOT NULL,
      metadata jsonb NOT NULL DEFAULT '{}',
      client_random bigint NOT NULL CHECK (client_random >= 0),
      scheduled_for timestamptz NOT NULL,
      is_sent boolean NOT NULL DEFAULT false,
      is_cancelled boolean NOT NULL DEFAULT false,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT scheduled_messages_client_random_unique UNIQUE (conversation_id, sender_id, client_random)
    )`
  yield* sql`
    CREATE INDEX scheduled_messages_due ON scheduled_messages (scheduled_for) WHERE NOT is_sent AND NOT is_cancelled`
  yield* sql`CREATE INDEX scheduled_messages_sender ON scheduled_messages (sender_id, scheduled_for)`
})
