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
        SELECT u.*, u.client_random::bigint AS random, c.last_seq,
          m.id AS stored_id, m.seq AS stored_seq, m.sent_at AS stored_sent_at,
          CASE
            WHEN m.id IS NOT NULL THEN 1
            WHEN c.id IS NULL THEN 2
            WHEN u.reply_to_id IS NOT NULL AND NOT EXISTS (
              SELECT FROM messages r WHERE r.id = u.reply_to_id AND r.conversation_id = u.conversation_id
            ) THEN 3
            ELSE 0
          END AS verdict
        FROM unnest(ids, conversation_ids, sender_ids, reply_to_ids, message_types, contents, metadatas, client_randoms,
          sent_ats, expires_ats) WITH ORDINALITY AS u (id, conversation_id, sender_id, reply_to_id, message_type, content,
          metadata, client_random, sent_at, expires_at, n)
        LEFT JOIN conversations c ON c.id = u.conversation_id AND c.is_active
        LEFT JOIN messages m ON m.conversation_id = u.conversation_id AND m.sender_id = u.sender_id
          AND m.client_random = u.client_random::bigint
      ), judged AS MATERIALIZED (
        SELECT i.*, i.verdict = 0 AND i.n = min(i.n) FILTER (WHERE i.verdict = 0)
            OVER (PARTITION BY i.conversation_id, i.sender_id, i.random) AS is_fresh
        FROM input i
      ), numbered AS MATERIALIZED (
        SELECT j.*, j.last_seq + count(*) FILTER (WHERE j.is_fresh) OVER (PARTITION BY j.conversation_id ORDER BY j.n) AS seq
        FROM judged j
      ), inserted AS (
        INSERT INTO messages (id, conversation_id, seq, version_seq, sender_id, reply_to_id, message_type, content,
          metadata, client_random, sent_at, expires_at)
        SELECT f.id, f.conversation_id, f.seq, f.seq, f.sender_id, f.reply_to_id, f.message_type, f.content,
          coalesce(f.metadata, '{}'), f.random, f.sent_at, f.expires_at
        FROM numbered f WHERE f.is_fresh
      ), linked AS (
        INSERT INTO message_attachments (id, message_id, position, media_id, media_type, metadata)
        SELECT a.id, a.message_id, a.position, a.media_id, a.media_type, coalesce(a.metadata, '{}')
        FROM jsonb_to_recordset(attachments)
          AS a (id uuid, message_id uuid, position int, media_id uuid, media_type text, metadata jsonb)
        JOIN numbered f ON f.id = a.message_id AND f.is_fresh
      ), bumped AS (
        UPDATE conversations c SET last_seq = f.seq, updated_at = greatest(c.updated_at, f.sent_at)
        FROM (
          SELECT f.conversation_id, max(f.seq) AS seq, max(f.sent_at) AS sent_at
          FROM numbered f WHERE f.is_fresh GROUP BY f.conversation_id
        ) f
        WHERE c.id = f.conversation_id
      )
      SELECT
        CASE WHEN first.id IS NULL THEN i.verdict ELSE 1 END,
        coalesce(i.stored_id, first.id, i.id),
        coalesce(i.stored_seq, first.seq, i.seq)::float8,
        coalesce(i.stored_sent_at, first.sent_at, i.sent_at)
      FROM numbered i
      LEFT JOIN LATERAL (
        SELECT f.id, f.seq, f.sent_at FROM numbered f
        WHERE i.verdict = 0 AND NOT i.is_fresh AND f.is_fresh AND f.conversation_id = i.conversation_id
          AND f.sender_id = i.sender_id AND f.random = i.random
      ) first ON true
      ORDER BY i.n;
    END
    $$`
})
