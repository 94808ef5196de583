/**
 * When a conversation last took a number: for a message, or for a change of one. `updated_at` is when something was
 * written, by which lists are ordered; a device that comes back has to learn of edits, too. By a trigger, so that every
 * statement that gives out numbers does it, those of older nodes included.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE conversations ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now()`
  yield* sql`
    CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.changed_at := now();
      RETURN NEW;
    END
    $$`
  yield* sql`
    CREATE TRIGGER conversations_changed_at BEFORE UPDATE OF last_seq ON conversations
    FOR EACH ROW EXECUTE FUNCTION note_change()`
})
