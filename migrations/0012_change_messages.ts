/**
 * The one statement that changes messages: a batch of changes in any conversations, in arrival order.
 *
 * It locks the conversations it touches as `append_messages` does, and each change then sees what the one before it
 * did. A change takes the next number of its conversation and leaves it as the message's `version_seq`; one that
 * finds everything as asked takes none, and neither does hiding a message from oneself.
 *
 * Who may do what has been decided before; here is checked what may have changed since. Outcomes: 0 changed, 1
 * nothing to change, 2 no such conversation, 3 no such message in it, 4 the message is deleted, 5 it has another
 * version, 6 too many different reactions, 7 too many pins.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE messages ADD COLUMN edit_count integer NOT NULL DEFAULT 0`
  yield* sql`
    CREATE FUNCTION change_messages(
      ids uuid[], kinds text[], conversation_ids uuid[], message_ids uuid[], user_ids uuid[], ats timestamptz[],
      contents bytea[], metadatas jsonb[], expected_versions float8[], reactions text[],
      max_reactions int, max_pins int
    ) RETURNS TABLE (
      outcome int, message_version float8, message_edited_at timestamptz, message_metadata jsonb,
      message_reactions jsonb, message_is_pinned boolean
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
        message_metadata := NULL;
        message_reactions := NULL;
        message_is_pinned := NULL;
        at := ats[i];

        SELECT c.last_seq INTO last FROM conversations c WHERE c.id = conversation_ids[i] AND c.is_active;
        IF NOT FOUND THEN
          outcome := 2;
          RETURN NEXT;
          CONTINUE;
        END IF;
        SELECT m.id, m.version_seq, m.is_deleted INTO target
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
          SELECT m.edited_at, m.metadata, EXISTS (SELECT FROM pinned_messages p WHERE p.message_id = m.id), (
            SELECT jsonb_agg(
              jsonb_build_object('reaction', g.reaction, 'user_ids', g.user_ids) ORDER BY g.first_at, g.reaction
            )
            FROM (
              SELECT r.reaction, min(r.created_at) AS first_at, jsonb_agg(r.user_id ORDER BY r.id) AS user_ids
              FROM message_reactions r WHERE r.message_id = m.id GROUP BY r.reaction
            ) g
          )
          INTO message_edited_at, message_metadata, message_is_pinned, message_reactions
          FROM messages m WHERE m.id = target.id;
        END IF;
        RETURN NEXT;
      END LOOP;
    END
    $$`
})
