/**
 * How far each conversation's retention has come: every message up to `retained_seq` is deleted, and at `retain_at` the
 * next one is due. Null: nothing is to be done. A change of the settings starts anew, at once.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    ALTER TABLE conversation_settings
      ADD COLUMN retained_seq bigint NOT NULL DEFAULT 0, ADD COLUMN retain_at timestamptz`
  yield* sql`
    CREATE INDEX conversation_settings_retain_at ON conversation_settings (retain_at) WHERE retain_at IS NOT NULL`
  yield* sql`
    CREATE FUNCTION begin_retention() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.retain_at := CASE WHEN NEW.settings ->> 'retention_seconds' IS NOT NULL THEN '-infinity'::timestamptz END;
      RETURN NEW;
    END
    $$`
  yield* sql`
    CREATE TRIGGER conversation_settings_retention BEFORE INSERT OR UPDATE OF settings ON conversation_settings
    FOR EACH ROW EXECUTE FUNCTION begin_retention()`
  yield* sql`UPDATE conversation_settings SET settings = settings`
})
