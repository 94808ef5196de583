/**
 * When a conversation last changed otherwise than by its messages, so that a device that was away learns of it: on
 * `conversation_members` for the member alone (came, went, has another role, own settings, deleted for oneself), on
 * `conversations` for all members. Changes of `conversation_settings` have a time already.
 *
 * By triggers, so that every statement does it, those of older nodes included. Sends, edits and watermarks write none
 * of these columns, and do not pay. `clock_timestamp`, since a transaction may have waited for its lock since `now()`.
 * What was there before was never noted.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE conversations ADD COLUMN entry_changed_at timestamptz NOT NULL DEFAULT '-infinity'`
  yield* sql`ALTER TABLE conversation_members ADD COLUMN entry_changed_at timestamptz NOT NULL DEFAULT '-infinity'`
  yield* sql`ALTER TABLE conversation_members ALTER COLUMN entry_changed_at SET DEFAULT clock_timestamp()`
  yield* sql`
    CREATE FUNCTION note_entry_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.entry_changed_at := clock_timestamp();
      RETURN NEW;
    END
    $$`
  yield* sql`
    CREATE TRIGGER conversations_entry_changed_at
    BEFORE UPDATE OF metadata, member_count, is_active ON conversations
    FOR EACH ROW EXECUTE FUNCTION note_entry_change()`
  yield* sql`
    CREATE TRIGGER conversation_members_entry_changed_at
    BEFORE UPDATE OF role, settings, is_active, cleared_seq ON conversation_members
    FOR EACH ROW EXECUTE FUNCTION note_entry_change()`
  // Those of present members are read by `conversation_members_user`, all of them.
  yield* sql`
    CREATE INDEX conversation_members_left ON conversation_members (user_id, entry_changed_at) WHERE NOT is_active`
})
