/**
 * The one statement that makes messages durable: a batch of any conversations, in arrival order.
 *
 * It locks the conversations it touches, in id order, so that two writers can neither fork an order nor deadlock.
 * Being VOLATILE, the statement after the lock takes a fresh snapshot under READ COMMITTED, and so sees what the
 * previous holder of the lock committed: duplicates are found and numbers continue from there.
 *
 * Per row it answers an outcome, and only stored rows take a number:
 * 0 stored, 1 duplicate (id, seq and sent_at are the stored message's), 2 no such conversation, 3 no such message
 * to reply to in this conversation.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE FUNCTION append_messages(
      ids uuid[], conversation_ids uuid[], sender_ids uuid[], reply_to_ids uuid[], message_types text[],
      contents bytea[], metadatas jsonb[], client_randoms float8[], sent_ats timestamptz[], expires_ats timestamptz[],
      attachments jsonb
    ) RETURNS TABLE (outcome int, message_id uuid, message_seq float8, message_sent_at timestamptz)
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      PERFORM FROM conversations c WHERE c.id = ANY (conversation_ids) ORDER BY c.id FOR NO KEY UPDATE;

      RETURN QUERY
      WITH input AS MATERIALIZED (
        SELECT i.*, c.last_seq, m.id AS stored_id, m.seq AS stored_seq, m.sent_at AS stored_sent_at,
          CASE
            WHEN m.id IS NOT NULL THEN 1
            WHEN c.id IS NULL THEN 2
            WHEN i.reply_to_id IS NOT NULL AND NOT EXISTS (
              SELECT FROM messages r WHERE r.id = i.reply_to_id AND r.conversation_id = i.conversation_id
            ) THEN 3
            ELSE 0
          END AS verdict
        FROM (
          SELECT u.id, u.conversation_id, u.sender_id, u.reply_to_id, u.message_type, u.content, u.metadata,
            u.client_random::bigint, u.sent_at, u.expires_at, u.n
          FROM unnest(ids, conversation_ids, sender_ids, reply_to_ids, message_types, contents, metadatas,
            client_randoms, sent_ats, expires_ats) WITH ORDINALITY AS u (id, conversation_id, sender_id, reply_to_id,
            message_type, content, metadata, client_random, sent_at, expires_at, n)
        ) i
        LEFT JOIN conversations c ON c.id = i.conversation_id AND c.is_active
        LEFT JOIN messages m ON m.conversation_id = i.conversation_id AND m.sender_id = i.sender_id
          AND m.client_random = i.client_random
      ), accepted AS MATERIALIZED (
        SELECT i.*, min(i.n) OVER (PARTITION BY i.conversation_id, i.sender_id, i.client_random) AS first_n
        FROM input i WHERE i.verdict = 0
      ), fresh AS MATERIALIZED (
        SELECT a.*, a.last_seq + row_number() OVER (PARTITION BY a.conversation_id ORDER BY a.n) AS seq
        FROM accepted a WHERE a.n = a.first_n
      ), inserted AS (
        INSERT INTO messages (id, conversation_id, seq, version_seq, sender_id, reply_to_id, message_type, content,
          metadata, client_random, sent_at, expires_at)
        SELECT f.id, f.conversation_id, f.seq, f.seq, f.sender_id, f.reply_to_id, f.message_type, f.content,
          coalesce(f.metadata, '{}'), f.client_random, f.sent_at, f.expires_at
        FROM fresh f ORDER BY f.n
      ), linked AS (
        INSERT INTO message_attachments (id, message_id, position, media_id, media_type, metadata)
        SELECT a.id, a.message_id, a.position, a.media_id, a.media_type, coalesce(a.metadata, '{}')
        FROM jsonb_to_recordset(attachments)
          AS a (id uuid, message_id uuid, position int, media_id uuid, media_type text, metadata jsonb)
        JOIN fresh f ON f.id = a.message_id
      ), bumped AS (
        UPDATE conversations c SET last_seq = f.seq, updated_at = greatest(c.updated_at, f.sent_at)
        FROM (
          SELECT f.conversation_id, max(f.seq) AS seq, max(f.sent_at) AS sent_at FROM fresh f GROUP BY f.conversation_id
        ) f
        WHERE c.id = f.conversation_id
      )
      SELECT
        CASE WHEN i.verdict = 0 AND i.n <> f.n THEN 1 ELSE i.verdict END,
        coalesce(i.stored_id, f.id),
        coalesce(i.stored_seq, f.seq)::float8,
        coalesce(i.stored_sent_at, f.sent_at)
      FROM input i
      LEFT JOIN accepted a ON a.n = i.n
      LEFT JOIN fresh f ON f.n = a.first_n
      ORDER BY i.n;
    END
    $$`
})
