/** What a user has begun to write, one in each conversation, for all of their devices. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE drafts (
      user_id uuid NOT NULL,
      conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
      content bytea NOT NULL,
      metadata jsonb NOT NULL DEFAULT '{}',
      reply_to_id uuid,
      updated_at timestamptz NOT NULL,
      PRIMARY KEY (user_id, conversation_id)
    )`
  yield* sql`CREATE INDEX drafts_newest ON drafts (user_id, updated_at, conversation_id)`
  yield* sql`CREATE INDEX drafts_conversation ON drafts (conversation_id)`
})
