/**
 * Full text search. A message's vector holds its words, and as one more its conversation, so that one index answers
 * "these words in these conversations". Content that says how it is encoded is not ours to read. Of very long text the
 * beginning is searched. How words are cut and folded is the text search configuration `messaging`, at first a copy of
 * `simple`: an operator may alter it, and then writes the column anew.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`CREATE TEXT SEARCH CONFIGURATION messaging (COPY = simple)`
  yield* sql`
    CREATE FUNCTION message_search(conversation_id uuid, message_type text, content bytea, metadata jsonb)
    RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
      SELECT CASE
        WHEN content IS NOT NULL AND message_type <> 'system' AND metadata ->> 'encoding' IS NULL
          -- Text that was stored, and that Postgres has no type for.
          AND position('\\x00'::bytea IN content) = 0
        THEN array_to_tsvector(ARRAY['conversation:' || conversation_id])
          || to_tsvector('messaging', left(convert_from(content, 'UTF8'), 32768))
      END
    $$`
  yield* sql`
    ALTER TABLE messages ADD COLUMN search tsvector
      GENERATED ALWAYS AS (message_search(conversation_id, message_type, content, metadata)) STORED`
  yield* sql`CREATE INDEX messages_search ON messages USING gin (search)`
})
