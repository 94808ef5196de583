/** The statements of `PgMessageStore`. */

const columns = `id, conversation_id, seq, version_seq, sender_id, reply_to_id, message_type, content, metadata,
    client_random, sent_at, edited_at, edit_count, expires_at, is_deleted`

/**
 * What hangs on a page of messages, gathered once for the page and not once per message. Positions come as doubles,
 * which hold every number up to 2^53, and not as BigInts. `page` is the name of what is selected from.
 */
const gathered = (page: string, order: string, more = { columns: "", join: "" }): string => `
  WITH ${page},
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
    p.content, p.metadata, p.client_random::float8, p.sent_at, p.edited_at, p.edit_count, p.expires_at, p.is_deleted,
    pinned.message_id IS NOT NULL AS is_pinned, reacted.reactions, attached.attachments${more.columns}
  FROM page p
  LEFT JOIN reacted ON reacted.message_id = p.id
  LEFT JOIN attached ON attached.message_id = p.id
  LEFT JOIN pinned ON pinned.message_id = p.id${more.join}
  ORDER BY ${order}`

/** All messages that a condition names. */
const all = (
  where: string,
  order: string,
  more?: { readonly columns: string; readonly join: string }
): string => gathered(`page AS MATERIALIZED (SELECT ${columns} FROM messages WHERE ${where})`, order, more)

/**
 * A page of what an index names, in its order: `limit` messages, or fewer where they reach `maxBytes` (both are
 * parameters). One row more is looked at, for `found` to tell whether there is more. Content that lies outside its
 * row is not read for its length. `shown` is the order of the answer,
 * `from` what is read instead of the whole table.
 */
const bounded = (
  where: string,
  order: string,
  limit: string,
  maxBytes: string,
  shown = `p.${order.replace(" DESC", "")}`,
  from = "messages"
): string =>
  gathered(
    `found AS MATERIALIZED (SELECT ${columns} FROM ${from} WHERE ${where} ORDER BY ${order} LIMIT ${limit}::int + 1),
  measured AS (
    SELECT f.*, count(*) OVER ()::int AS found, row_number() OVER w AS place, sum(
      coalesce(octet_length(f.content), 0) + pg_column_size(f.metadata) + (
        SELECT coalesce(sum(pg_column_size(a.metadata)), 0) FROM message_attachments a WHERE a.message_id = f.id
      )
    ) OVER w AS bytes
    FROM found f WINDOW w AS (ORDER BY ${order})
  ),
  page AS MATERIALIZED (
    SELECT * FROM measured WHERE place <= ${limit} AND (place = 1 OR bytes <= ${maxBytes}::float8)
  )`,
    shown,
    { columns: ", p.found", join: "" }
  )

/**
 * With a viewer, without what they have hidden, and without what they have cleared: who they are and the seq up to which
 * they have cleared are then each statement's last parameters. A known number is a bound of the index.
 */
const pages = (hasViewer: boolean) => {
  const visible = (n: number, id = "messages.id", seq = "messages.seq") =>
    hasViewer
      ? `AND NOT EXISTS (SELECT FROM hidden_messages h WHERE h.user_id = $${n} AND h.message_id = ${id})
        AND ${seq} > $${n + 1}::float8::bigint`
      : ""
  return {
    /**
     * $1 conversation, $2 limit, $3 bytes, $4 after version. The `+ 0` keeps the planner from reading all that is not
     * cleared by its index, instead of the few rows that have changed.
     */
    catchUp: bounded(
      `conversation_id = $1 AND version_seq > $4 ${visible(5, "messages.id", "messages.seq + 0")}`,
      "version_seq",
      "$2",
      "$3"
    ),
    /** $1 conversation, $2 limit, $3 bytes. */
    newest: bounded(`conversation_id = $1 ${visible(4)}`, "seq DESC", "$2", "$3"),
    /** $1 conversation, $2 limit, $3 bytes, $4 before seq. */
    before: bounded(`conversation_id = $1 AND seq < $4 ${visible(5)}`, "seq DESC", "$2", "$3"),
    /** $1 conversation, $2 limit, $3 bytes, $4 after seq. */
    after: bounded(`conversation_id = $1 AND seq > $4 ${visible(5)}`, "seq", "$2", "$3"),
    /** $1 message. */
    get: all(`id = $1 ${visible(2)}`, "p.seq"),
    /** $1 conversation. Newest pin first. */
    pins: all(
      `id = ANY (ARRAY (SELECT message_id FROM pinned_messages WHERE conversation_id = $1)) ${visible(2)}`,
      "stands.pinned_at DESC, stands.id DESC",
      {
        columns: ", stands.pinned_by, stands.pinned_at",
        join: "\n  JOIN pinned_messages stands ON stands.message_id = p.id"
      }
    ),
    /** $1 conversation, $2 rows, $3 before seq and $4 position, or nulls, $5 at. The latest first. */
    attachments: `
      SELECT a.id, a.media_id, a.media_type, a.metadata, a.message_id, a.seq::float8, a.position::int, m.sender_id,
        m.sent_at
      FROM message_attachments a JOIN messages m ON m.id = a.message_id
      WHERE a.conversation_id = $1
        AND (a.seq, a.position) < (coalesce($3::float8::bigint, 9223372036854775807), coalesce($4::int, 0)::smallint)
        AND (m.expires_at IS NULL OR m.expires_at > $5) AND m.sent_at > coalesce($5::timestamptz - (
          SELECT (s.settings ->> 'retention_seconds')::float8 * interval '1 second'
          FROM conversation_settings s WHERE s.conversation_id = $1
        ), '-infinity') ${visible(6, "a.message_id", "m.seq")}
      ORDER BY a.seq DESC, a.position DESC LIMIT $2`
  }
}

export const { after, attachments, before, catchUp, get, newest, pins } = pages(false)

export const visible = pages(true)

/** All messages that a condition names, without their content. */
export const bare = (where: string, order: string): string =>
  all(where, order).replace("message_type, content,", "message_type, NULL::bytea AS content,")

/** $1 at, $2 rows. */
export const expired = bare(
  `id = ANY (ARRAY (
      SELECT m.id FROM messages m JOIN conversations c ON c.id = m.conversation_id
      WHERE m.expires_at <= $1 AND m.expires_at IS NOT NULL AND NOT m.is_deleted AND c.is_active
      ORDER BY m.expires_at LIMIT $2
    ))`,
  "p.expires_at, p.seq"
)

/**
 * $1 user, $2 limit, $3 bytes, $4 text, $5 conversation or null, $6 at, $7 µs and $8 id where the last page ended, or null.
 * The index is asked for the words and the conversations at once; whose they are is then checked of each message.
 */
export const search = bounded(
  `EXISTS (
      SELECT FROM conversation_members m
      WHERE m.conversation_id = messages.conversation_id AND m.user_id = $1 AND m.is_active
        AND messages.seq > m.cleared_seq
    )
    AND NOT EXISTS (SELECT FROM hidden_messages h WHERE h.user_id = $1 AND h.message_id = messages.id)
    AND (expires_at IS NULL OR expires_at > $6)
    AND NOT EXISTS (
      SELECT FROM conversation_settings s WHERE s.conversation_id = messages.conversation_id
        AND sent_at + (s.settings ->> 'retention_seconds')::float8 * interval '1 second' <= $6
    )
    AND ($7::float8 IS NULL OR (sent_at, id) < ('epoch'::timestamptz + $7 * interval '1 microsecond', $8::uuid))`,
  "sent_at DESC, id DESC",
  "$2",
  "$3",
  "p.sent_at DESC, p.id DESC",
  // Fenced by OFFSET 0: the words first, by their index, whatever the planner makes of the conditions.
  `(
      SELECT * FROM messages WHERE search @@ (
        SELECT websearch_to_tsquery('messaging', $4)
          && string_agg('''conversation:' || c.id || '''', ' | ')::tsquery
        FROM conversation_members m JOIN conversations c ON c.id = m.conversation_id
        WHERE m.user_id = $1 AND m.is_active AND c.is_active AND ($5::uuid IS NULL OR c.id = $5)
          AND numnode(websearch_to_tsquery('messaging', $4)) > 0
      ) OFFSET 0
    ) AS messages`
)

/** $1 user, $2 conversation, $3 from seq, $4 limit. */
export const hiddenSince = `
  SELECT message_id FROM hidden_messages
  WHERE user_id = $1 AND conversation_id = $2 AND hidden_seq >= $3
  ORDER BY hidden_seq DESC, id DESC LIMIT $4`
