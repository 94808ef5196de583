/**
 * Messages. `seq` is the number of the event that created one, `version_seq` that of its last change: the first
 * orders history, the second is what catching up reads. `content` is opaque bytes; a tombstone has none.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE messages (
      id uuid PRIMARY KEY,
      conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
      seq bigint NOT NULL CHECK (seq >= 1),
      version_seq bigint NOT NULL,
      sender_id uuid NOT NULL,
      reply_to_id uuid,
      message_type text NOT NULL CHECK (message_type IN ('text', 'media', 'system')),
      content bytea,
      metadata jsonb NOT NULL DEFAULT '{}',
      client_random bigint NOT NULL CHECK (client_random >= 0),
      sent_at timestamptz NOT NULL,
      edited_at timestamptz,
      is_deleted boolean NOT NULL DEFAULT false,
      delete_for_everyone boolean NOT NULL DEFAULT false,
      expires_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT messages_seq_unique UNIQUE (conversation_id, seq),
      CONSTRAINT messages_client_random_unique UNIQUE (conversation_id, sender_id, client_random),
      CONSTRAINT messages_version_seq_check CHECK (version_seq >= seq)
    )`
  yield* sql`CREATE INDEX messages_version_seq ON messages (conversation_id, version_seq)`
  yield* sql`CREATE INDEX messages_expires_at ON messages (expires_at) WHERE expires_at IS NOT NULL`
})
