/** What a message has attached, in the sender's order. The media itself lives in the media service. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE message_attachments (
      id uuid PRIMARY KEY,
      message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
      position smallint NOT NULL,
      media_id uuid NOT NULL,
      media_type text NOT NULL CHECK (media_type IN ('image', 'video', 'audio', 'document')),
      metadata jsonb NOT NULL DEFAULT '{}',
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )`
  yield* sql`CREATE INDEX message_attachments_message ON message_attachments (message_id, position)`
  yield* sql`CREATE INDEX message_attachments_media ON message_attachments (media_id)`
})
