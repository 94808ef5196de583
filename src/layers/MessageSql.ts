/** The statements of `PgMessageStore`. */

/**
 * What hangs on a page of messages, gathered once for the page and not once per message. Positions come as doubles,
 * which hold every number up to 2^53, and not as BigInts.
 */
const select = (page: string, order: string): string => `
  WITH page AS MATERIALIZED (SELECT * FROM messages ${page}),
  reacted AS (
    SELECT by_reaction.message_id, jsonb_agg(
      jsonb_build_object('reaction', by_reaction.reaction, 'user_ids', by_reaction.user_ids)
      ORDER BY by_reaction.first_at, by_reaction.reaction
    ) AS reactions
    FROM (
      SELECT r.message_id, r.reaction, min(r.created_at) AS first_at, jsonb_agg(r.user_id ORDER BY r.id) AS user_ids
      FROM message_reactions r WHERE r.message_id = ANY (ARRAY (SELECT p.id FROM page p))
      GROUP BY r.message_id, r.reaction
    ) by_reaction GROUP BY by_reaction.message_id
  ),
  attached AS (
    SELECT a.message_id, jsonb_agg(
      jsonb_build_object('id', a.id, 'media_id', a.media_id, 'media_type', a.media_type, 'metadata', a.metadata)
      ORDER BY a.position
    ) AS attachments
    FROM message_attachments a WHERE a.message_id = ANY (ARRAY (SELECT p.id FROM page p))
    GROUP BY a.message_id
  ),
  pinned AS (
    SELECT DISTINCT m.message_id FROM pinned_messages m WHERE m.message_id = ANY (ARRAY (SELECT p.id FROM page p))
  )
  SELECT p.id, p.conversation_id, p.seq::float8, p.version_seq::float8, p.sender_id, p.reply_to_id, p.message_type,
    p.content, p.metadata, p.client_random::float8, p.sent_at, p.edited_at, p.expires_at, p.is_deleted,
    pinned.message_id IS NOT NULL AS is_pinned, reacted.reactions, attached.attachments
  FROM page p
  LEFT JOIN reacted ON reacted.message_id = p.id
  LEFT JOIN attached ON attached.message_id = p.id
  LEFT JOIN pinned ON pinned.message_id = p.id
  ORDER BY ${order}`

export const catchUp = select(
  "WHERE conversation_id = $1 AND version_seq > $2 ORDER BY version_seq LIMIT $3",
  "p.version_seq"
)
export const newest = select("WHERE conversation_id = $1 ORDER BY seq DESC LIMIT $2", "p.seq")
export const before = select("WHERE conversation_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3", "p.seq")
export const after = select("WHERE conversation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3", "p.seq")
export const get = select("WHERE id = $1", "p.seq")
