/**
 * Who is mentioned where, for counting what is unread of it on an index. Kept by the database itself, from
 * `metadata.mentions`, so that a send, an edit and a deletion need not know of it; a message that mentions nobody
 * costs nothing. Only members count, and nobody is told of mentioning themselves.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE message_mentions (
      user_id uuid NOT NULL,
      conversation_id uuid NOT NULL,
      seq bigint NOT NULL,
      message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
      PRIMARY KEY (user_id, conversation_id, seq)
    )`
  yield* sql`CREATE INDEX message_mentions_message ON message_mentions (message_id)`
  yield* sql`
    CREATE FUNCTION keep_mentions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'UPDATE' THEN
        DELETE FROM message_mentions WHERE message_id = NEW.id;
      END IF;
      IF jsonb_typeof(NEW.metadata -> 'mentions') = 'array' THEN
        INSERT INTO message_mentions (user_id, conversation_id, seq, message_id)
        SELECT DISTINCT m.user_id, m.conversation_id, NEW.seq, NEW.id
        FROM jsonb_array_elements_text(NEW.metadata -> 'mentions') AS mentioned (id)
        JOIN conversation_members m ON m.conversation_id = NEW.conversation_id AND m.is_active AND m.user_id =
          CASE WHEN mentioned.id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN mentioned.id::uuid END
        WHERE m.user_id <> NEW.sender_id;
      END IF;
      RETURN NULL;
    END
    $$`
  yield* sql`
    CREATE TRIGGER messages_mentioning AFTER INSERT ON messages FOR EACH ROW
    WHEN (NEW.metadata -> 'mentions' IS NOT NULL) EXECUTE FUNCTION keep_mentions()`
  yield* sql`
    CREATE TRIGGER messages_mentioning_others AFTER UPDATE OF metadata ON messages FOR EACH ROW
    WHEN (OLD.metadata -> 'mentions' IS DISTINCT FROM NEW.metadata -> 'mentions') EXECUTE FUNCTION keep_mentions()`
})
