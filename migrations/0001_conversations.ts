/**
 * Conversations. `last_seq` is the number of the last durable event; whoever adds one holds this row's lock.
 *
 * The row is updated by every commit that touches the conversation, hence the fill factor, and hence no index on
 * `updated_at`: a list of one's conversations starts from the member's rows and sorts those.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE conversations (
      id uuid PRIMARY KEY,
      type text NOT NULL CHECK (type IN ('direct', 'group')),
      direct_key text,
      external_group_id text,
      metadata jsonb NOT NULL DEFAULT '{}',
      last_seq bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
      member_count integer NOT NULL DEFAULT 0 CHECK (member_count >= 0),
      is_active boolean NOT NULL DEFAULT true,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT conversations_direct_key_unique UNIQUE (direct_key),
      CONSTRAINT conversations_external_group_id_unique UNIQUE (external_group_id),
      CONSTRAINT conversations_direct_key_check CHECK ((type = 'direct') = (direct_key IS NOT NULL))
    ) WITH (fillfactor = 70)`
  yield* sql`
    COMMENT ON COLUMN conversations.direct_key IS
      'Of a direct conversation: its two user ids in ascending order, joined by a colon'`
})
