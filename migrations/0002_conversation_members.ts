/**
 * Who is in a conversation, as what, and how far they have read. Positions are watermarks: they cost one row per
 * member, however many messages there are. Leaving keeps the row, inactive.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE conversation_members (
      id uuid PRIMARY KEY,
      conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
      user_id uuid NOT NULL,
      role text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
      settings jsonb NOT NULL DEFAULT '{}',
      joined_at timestamptz NOT NULL,
      joined_seq bigint NOT NULL DEFAULT 0,
      last_read_seq bigint NOT NULL DEFAULT 0,
      last_read_at timestamptz,
      last_delivered_seq bigint NOT NULL DEFAULT 0,
      is_active boolean NOT NULL DEFAULT true,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT conversation_members_unique UNIQUE (conversation_id, user_id)
    ) WITH (fillfactor = 80)`
  yield* sql`
    CREATE INDEX conversation_members_user ON conversation_members (user_id, conversation_id) WHERE is_active`
})
