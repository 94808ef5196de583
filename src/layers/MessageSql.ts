/** The statements of `PgMessageStore`. */

/**
 * What hangs on a page of messages, gathered once for the page and not once per message. Positions come as doubles,
 * which hold every number up to 2^53, and not as BigInts.
 */
const select = (page: string, order: string, more = { columns: "", join: "" }): string => `
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
    pinned.message_id IS NOT NULL AS is_pinned, reacted.reactions, attached.attachments${more.columns}
  FROM page p
  LEFT JOIN reacted ON reacted.message_id = p.id
  LEFT JOIN attached ON attached.message_id = p.id
  LEFT JOIN pinned ON pinned.message_id = p.id${more.join}
  ORDER BY ${order}`

/** With a viewer, who is then each statement's last parameter, without what they have hidden. */
const pages = (hasViewer: boolean) => {
  const visible = (n: number) =>
    hasViewer
      ? `AND NOT EXISTS (SELECT FROM hidden_messages h WHERE h.user_id = $${n} AND h.message_id = messages.id)`
      : ""
  return {
    /** $1 conversation, $2 after version, $3 limit. */
    catchUp: select(
      `WHERE conversation_id = $1 AND version_seq > $2 ${visible(4)} ORDER BY version_seq LIMIT $3`,
      "p.version_seq"
    ),
    /** $1 conversation, $2 limit. */
    newest: select(`WHERE conversation_id = $1 ${visible(3)} ORDER BY seq DESC LIMIT $2`, "p.seq"),
    /** $1 conversation, $2 before seq, $3 limit. */
    before: select(
      `WHERE conversation_id = $1 AND seq < $2 ${visible(4)} ORDER BY seq DESC LIMIT $3`,
      "p.seq"
    ),
    /** $1 conversation, $2 after seq, $3 limit. */
    after: select(`WHERE conversation_id = $1 AND seq > $2 ${visible(4)} ORDER BY seq LIMIT $3`, "p.seq"),
    /** $1 message. */
    get: select(`WHERE id = $1 ${visible(2)}`, "p.seq"),
    /** $1 conversation. Newest pin first. */
    pins: select(
      `WHERE id = ANY (ARRAY (SELECT message_id FROM pinned_messages WHERE conversation_id = $1)) ${visible(2)}`,
      "stands.pinned_at DESC, stands.id DESC",
      {
        columns: ", stands.pinned_by, stands.pinned_at",
        join: "\n  JOIN pinned_messages stands ON stands.message_id = p.id"
      }
    )
  }
}

export const { after, before, catchUp, get, newest, pins } = pages(false)

export const visible = pages(true)

/** $1 user, $2 conversation, $3 from seq, $4 limit. */
export const hiddenSince = `
  SELECT message_id FROM hidden_messages
  WHERE user_id = $1 AND conversation_id = $2 AND hidden_seq >= $3
  ORDER BY hidden_seq DESC, id DESC LIMIT $4`
