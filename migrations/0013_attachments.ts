/**
 * Attachments on an index of their conversation, and as a change of a message that was sent before: the functions of
 * 0010 and 0012, which fill the new columns and know the change `attach`. Its outcome 8: too many attachments.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE message_attachments ADD COLUMN conversation_id uuid, ADD COLUMN seq bigint`
  yield* sql`
    UPDATE message_attachments a SET conversation_id = m.conversation_id, seq = m.seq
    FROM messages m WHERE m.id = a.message_id`
  yield* sql`
    ALTER TABLE message_attachments ALTER COLUMN conversation_id SET NOT NULL, ALTER COLUMN seq SET NOT NULL`
  yield* sql`CREATE INDEX message_attachments_newest ON message_attachments (conversation_id, seq, position)`
  yield* sql`
    CREATE OR REPLACE FUNCTION append_messages(
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
        INSERT INTO message_attachments (id, message_id, conversation_id, seq, position, media_id, media_type, metadata)
        SELECT a.id, a.message_id, f.conversation_id, f.seq, a.position, a.media_id, a.media_type,
          coalesce(a.metadata, '{}')
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
  yield* sql`
    DROP FUNCTION change_messages(
      uuid[], text[], uuid[], uuid[], uuid[], timestamptz[], bytea[], jsonb[], float8[], text[], int, int
    )`
  yield* sql`
    CREATE FUNCTION change_messages(
      ids uuid[], kinds text[], conversation_ids uuid[], message_ids uuid[], user_ids uuid[], ats timestamptz[],
      contents bytea[], metadatas jsonb[], expected_versions float8[], reactions text[],
      attachments jsonb[], max_reactions int, max_pins int, max_attachments int
    ) RETURNS TABLE (
      outcome int, message_version float8, message_edited_at timestamptz, message_edit_count int,
      message_metadata jsonb, message_reactions jsonb, message_attachments jsonb, message_is_pinned boolean
    )
    LANGUAGE plpgsql VOLATILE AS $$
    #variable_conflict use_column
    DECLARE
      at timestamptz;
      target record;
      last bigint;
    BEGIN
      PERFORM FROM conversations c WHERE c.id = ANY (conversation_ids) ORDER BY c.id FOR NO KEY UPDATE;

      FOR i IN 1 .. cardinality(ids) LOOP
        outcome := 0;
        message_version := NULL;
        message_edited_at := NULL;
        message_edit_count := NULL;
        message_metadata := NULL;
        message_reactions := NULL;
        message_attachments := NULL;
        message_is_pinned := NULL;
        at := ats[i];

        SELECT c.last_seq INTO last FROM conversations c WHERE c.id = conversation_ids[i] AND c.is_active;
        IF NOT FOUND THEN
          outcome := 2;
          RETURN NEXT;
          CONTINUE;
        END IF;
        SELECT m.id, m.seq, m.version_seq, m.is_deleted INTO target
        FROM messages m WHERE m.id = message_ids[i] AND m.conversation_id = conversation_ids[i];
        IF NOT FOUND THEN
          outcome := 3;
          RETURN NEXT;
          CONTINUE;
        END IF;

        CASE kinds[i]
          WHEN 'edit' THEN
            IF target.is_deleted THEN
              outcome := 4;
            ELSIF EXISTS (
              SELECT FROM messages m WHERE m.id = target.id AND m.content = contents[i]
                AND (metadatas[i] IS NULL OR m.metadata = metadatas[i])
            ) THEN
              outcome := 1;
            ELSIF target.version_seq <> expected_versions[i] THEN
              outcome := 5;
            ELSE
              UPDATE messages m SET version_seq = last + 1, content = contents[i],
                metadata = coalesce(metadatas[i], m.metadata), edited_at = at, edit_count = m.edit_count + 1,
                updated_at = now()
              WHERE m.id = target.id;
            END IF;
          WHEN 'delete' THEN
            IF target.is_deleted THEN
              outcome := 1;
            ELSE
              DELETE FROM message_reactions r WHERE r.message_id = target.id;
              DELETE FROM message_attachments a WHERE a.message_id = target.id;
              DELETE FROM pinned_messages p WHERE p.message_id = target.id;
              UPDATE messages m SET version_seq = last + 1, content = NULL, metadata = '{}', is_deleted = true,
                delete_for_everyone = true, updated_at = now()
              WHERE m.id = target.id;
            END IF;
          WHEN 'hide' THEN
            INSERT INTO hidden_messages (id, conversation_id, message_id, user_id, hidden_seq)
            VALUES (ids[i], conversation_ids[i], target.id, user_ids[i], last)
            ON CONFLICT DO NOTHING;
            IF FOUND THEN
              UPDATE conversation_members m SET last_hidden_seq = last
              WHERE m.conversation_id = conversation_ids[i] AND m.user_id = user_ids[i];
            ELSE
              outcome := 1;
            END IF;
          WHEN 'react' THEN
            IF target.is_deleted THEN
              outcome := 4;
            ELSIF EXISTS (
              SELECT FROM message_reactions r
              WHERE r.message_id = target.id AND r.user_id = user_ids[i] AND r.reaction = reactions[i]
            ) THEN
              outcome := 1;
            ELSIF (
              SELECT count(DISTINCT r.reaction) FROM message_reactions r
              WHERE r.message_id = target.id AND r.reaction <> reactions[i]
            ) >= max_reactions THEN
              outcome := 6;
            ELSE
              INSERT INTO message_reactions (id, message_id, user_id, reaction, created_at)
              VALUES (ids[i], target.id, user_ids[i], reactions[i], at);
            END IF;
          WHEN 'unreact' THEN
            DELETE FROM message_reactions r
            WHERE r.message_id = target.id AND r.user_id = user_ids[i] AND r.reaction = reactions[i];
            IF NOT FOUND THEN
              outcome := 1;
            END IF;
          WHEN 'pin' THEN
            IF target.is_deleted THEN
              outcome := 4;
            ELSIF EXISTS (SELECT FROM pinned_messages p WHERE p.message_id = target.id) THEN
              outcome := 1;
            ELSIF (
              SELECT count(*) FROM pinned_messages p WHERE p.conversation_id = conversation_ids[i]
            ) >= max_pins THEN
              outcome := 7;
            ELSE
              INSERT INTO pinned_messages (id, conversation_id, message_id, pinned_by, pinned_at)
              VALUES (ids[i], conversation_ids[i], target.id, user_ids[i], at);
            END IF;
          WHEN 'unpin' THEN
            DELETE FROM pinned_messages p WHERE p.message_id = target.id;
            IF NOT FOUND THEN
              outcome := 1;
            END IF;
          WHEN 'attach' THEN
            IF target.is_deleted THEN
              outcome := 4;
            ELSIF EXISTS (
              SELECT FROM message_attachments a
              WHERE a.message_id = target.id AND a.media_id = (attachments[i] ->> 'media_id')::uuid
            ) THEN
              outcome := 1;
            ELSIF (
              SELECT count(*) FROM message_attachments a WHERE a.message_id = target.id
            ) >= max_attachments THEN
              outcome := 8;
            ELSE
              INSERT INTO message_attachments (id, message_id, conversation_id, seq, position, media_id, media_type,
                metadata)
              SELECT ids[i], target.id, conversation_ids[i], target.seq,
                (SELECT coalesce(max(a.position) + 1, 0) FROM message_attachments a WHERE a.message_id = target.id),
                (attachments[i] ->> 'media_id')::uuid, attachments[i] ->> 'media_type', attachments[i] -> 'metadata';
            END IF;
        END CASE;

        IF outcome = 0 AND kinds[i] <> 'hide' THEN
          message_version := last + 1;
          UPDATE conversations c SET last_seq = last + 1 WHERE c.id = conversation_ids[i];
          IF kinds[i] NOT IN ('edit', 'delete') THEN
            UPDATE messages m SET version_seq = last + 1, updated_at = now() WHERE m.id = target.id;
          END IF;
        ELSE
          message_version := target.version_seq;
        END IF;

        -- What the message looks like besides its content: the event shows all of it.
        IF kinds[i] IN ('edit', 'delete') AND outcome = 0 THEN
          SELECT m.edited_at, m.edit_count, m.metadata,
            EXISTS (SELECT FROM pinned_messages p WHERE p.message_id = m.id), (
              SELECT jsonb_agg(
                jsonb_build_object('reaction', g.reaction, 'user_ids', g.user_ids) ORDER BY g.first_at, g.reaction
              )
              FROM (
                SELECT r.reaction, min(r.created_at) AS first_at, jsonb_agg(r.user_id ORDER BY r.id) AS user_ids
                FROM message_reactions r WHERE r.message_id = m.id GROUP BY r.reaction
              ) g
            ), (
              SELECT jsonb_agg(
                jsonb_build_object('id', a.id, 'media_id', a.media_id, 'media_type', a.media_type,
                  'metadata', a.metadata)
                ORDER BY a.position
              )
              FROM message_attachments a WHERE a.message_id = m.id
            )
          INTO message_edited_at, message_edit_count, message_metadata, message_is_pinned, message_reactions,
            message_attachments
          FROM messages m WHERE m.id = target.id;
        END IF;
        RETURN NEXT;
      END LOOP;
    END
    $$`
})
