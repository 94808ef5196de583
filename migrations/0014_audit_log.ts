/**
 * The audit log. An entry is kept as the very text that was hashed; what queries ask for is generated from it, so the
 * two cannot disagree. One chain for all nodes: `audit_head` is its end, and its row lock puts the writers in order.
 *
 * Seal of an entry: sha256(seal before it || seq || "\n" || entry), the first one after 32 zero bytes. An entry that is
 * there already, by its id, is left out: a writer that lost its connection may send a batch again.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE audit_log (
      seq bigint PRIMARY KEY,
      entry text NOT NULL,
      hash bytea NOT NULL,
      id uuid NOT NULL GENERATED ALWAYS AS ((entry::jsonb ->> 'id')::uuid) STORED UNIQUE,
      action text NOT NULL GENERATED ALWAYS AS (entry::jsonb ->> 'action') STORED,
      actor_id uuid GENERATED ALWAYS AS ((entry::jsonb ->> 'actor')::uuid) STORED
    )`
  yield* sql`CREATE INDEX audit_log_action ON audit_log (action, seq)`
  yield* sql`CREATE INDEX audit_log_actor ON audit_log (actor_id, seq)`
  yield* sql`
    CREATE TABLE audit_head (
      only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
      seq bigint NOT NULL,
      hash bytea NOT NULL
    )`
  yield* sql`INSERT INTO audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'))`
  yield* sql`
    CREATE FUNCTION append_audit(entries text[]) RETURNS TABLE (head_seq float8, head_hash text)
    LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
      head audit_head%ROWTYPE;
      line text;
    BEGIN
      SELECT * INTO STRICT head FROM audit_head FOR UPDATE;
      FOREACH line IN ARRAY entries LOOP
        CONTINUE WHEN EXISTS (SELECT FROM audit_log a WHERE a.id = (line::jsonb ->> 'id')::uuid);
        head.seq := head.seq + 1;
        head.hash := sha256(head.hash || convert_to(head.seq || E'\n' || line, 'UTF8'));
        INSERT INTO audit_log (seq, entry, hash) VALUES (head.seq, line, head.hash);
      END LOOP;
      UPDATE audit_head SET seq = head.seq, hash = head.hash;
      RETURN QUERY SELECT head.seq::float8, encode(head.hash, 'hex');
    END
    $$`
  yield* sql`
    CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the audit log is append-only';
    END
    $$`
  yield* sql`
    CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`
})
