/** The statements of `PgConversationStore`. Positions come as doubles, which hold every number up to 2^53. */

import { MAX_MEMBERS } from "../../domain/Conversation.ts"

/** Unread messages are counted up to here: a badge shows no more, and counting further costs with the backlog. */
const maxUnread = 1000

/** How a statement names what it takes to count what a member has not read. */
interface Counted {
  readonly conversation: string
  readonly user: string
  /** Up to here the member has read, or was not there, or has cleared. */
  readonly seen: string
  /** Where the conversation stood when the member last deleted a message for themselves. */
  readonly hidden: string
  readonly at: string
}

/** Of a message `u`: its time is not over, and it was not deleted for oneself, which most members never do. */
const isShown = ({
  at,
  hidden,
  seen,
  user
}: Counted): string => `(u.expires_at IS NULL OR u.expires_at > ${at})
          AND (${hidden} <= ${seen} OR NOT EXISTS (
            SELECT FROM hidden_messages h WHERE h.user_id = ${user} AND h.message_id = u.id
          ))`

/** Messages of others that a member has not read and can see. The one meaning of "unread", wherever it is counted. */
export const unreadMessages = (counted: Counted): string => `
      SELECT count(*)::int FROM (
        SELECT FROM messages u
        WHERE u.conversation_id = ${counted.conversation} AND u.seq > ${counted.seen}
          AND u.sender_id <> ${counted.user} AND NOT u.is_deleted
          AND ${isShown(counted)}
        LIMIT ${maxUnread}
      ) unread`

/** Those of them that mention the member. */
const unreadMentions = (counted: Counted): string => `
      SELECT count(*)::int FROM (
        SELECT FROM message_mentions n JOIN messages u ON u.id = n.message_id
        WHERE n.user_id = ${counted.user} AND n.conversation_id = ${counted.conversation} AND n.seq > ${counted.seen}
          AND ${isShown(counted)}
        LIMIT ${maxUnread}
      ) mentioned`

/** Of a member's row `m`. */
export const seenBy = "greatest(m.last_read_seq, m.joined_seq, m.cleared_seq)"

const listed: Counted = {
  conversation: "p.id",
  user: "$1",
  seen: "p.seen_seq",
  hidden: "p.last_hidden_seq",
  at: "$6"
}

/** $1 id, $2 type, $3 direct key, $4 external group id, $5 metadata, $6 at; members: $7 row ids, $8 users, $9 roles; $10 whose external group id. */
export const create = `
  WITH created AS (
    INSERT INTO conversations (id, type, direct_key, external_group_id, external_group_creator, metadata, member_count,
      created_at, updated_at)
    VALUES ($1::uuid, $2, $3, $4, $10, $5, cardinality($8::uuid[]), $6, $6)
    ON CONFLICT DO NOTHING
    RETURNING id
  ), joined AS (
    INSERT INTO conversation_members (id, conversation_id, user_id, role, joined_at)
    SELECT m.id, created.id, m.user_id, m.role, $6
    FROM created, unnest($7::uuid[], $8::uuid[], $9::text[]) AS m (id, user_id, role)
  )
  SELECT id FROM created`

/** $1 direct key, $2 external group id, $3 whose it is, $4 id, $5 who created it. */
export const find = `
  SELECT id FROM conversations WHERE direct_key = $1
  UNION ALL
  SELECT id FROM conversations WHERE external_group_id = $2 AND external_group_creator = $3
  UNION ALL
  SELECT id FROM conversations WHERE external_group_id = $2 AND external_group_creator IS NULL AND $3 IS NULL
  UNION ALL
  SELECT c.id FROM conversations c WHERE c.id = $4 AND EXISTS (
    SELECT FROM conversation_members m WHERE m.conversation_id = c.id AND m.user_id = $5
  )`

export const load = `
  SELECT c.id, c.type, c.external_group_id, c.metadata, c.is_active, c.last_seq::float8, c.member_count, c.created_at,
    c.updated_at, s.settings
  FROM conversations c LEFT JOIN conversation_settings s ON s.conversation_id = c.id WHERE c.id = $1`

const memberColumns =
  "user_id, role, joined_at, joined_seq::float8, last_read_seq::float8, last_delivered_seq::float8, last_hidden_seq::float8, cleared_seq::float8, settings"

const readReceipts = (of: string) => `
    coalesce((SELECT p.read_receipts FROM user_preferences p WHERE p.user_id = ${of}.user_id), true) AS read_receipts`

export const members = `
  SELECT ${memberColumns},${readReceipts("conversation_members")} FROM conversation_members WHERE conversation_id = $1 AND is_active ORDER BY joined_at, id`

export const lastSeqs = "SELECT id, last_seq::float8 FROM conversations WHERE id = ANY ($1::uuid[])"

/**
 * $1 user; $2 pinned, $3 µs and $4 id where the last page ended, or nulls; $5 rows; $6 at; $7 archived, $8 pattern and
 * $9 user to filter by, or nulls. Starts from the member's own rows, which are as many as they have conversations, and
 * sorts those.
 */
export const list = `
  WITH mine AS (
    SELECT c.*, m.role, m.last_read_seq, m.last_hidden_seq, m.settings AS my_settings, ${seenBy} AS seen_seq,
      coalesce((m.settings ->> 'pinned')::boolean, false)::int AS pinned
    FROM conversation_members m
    JOIN conversations c ON c.id = m.conversation_id
    WHERE m.user_id = $1 AND m.is_active AND c.is_active AND (m.cleared_seq = 0 OR c.last_seq > m.cleared_seq)
      AND ($7::boolean IS NULL OR coalesce((m.settings ->> 'archived')::boolean, false) = $7)
      AND ($8::text IS NULL OR c.metadata ->> 'name' ILIKE $8 OR c.metadata ->> 'title' ILIKE $8)
      AND ($9::uuid IS NULL OR EXISTS (
        SELECT FROM conversation_members o
        WHERE o.conversation_id = m.conversation_id AND o.user_id = $9 AND o.is_active
      ))
  ), page AS MATERIALIZED (
    SELECT * FROM mine
    WHERE $3::float8 IS NULL
      OR (pinned, updated_at, id) < ($2::int, 'epoch'::timestamptz + $3 * interval '1 microsecond', $4::uuid)
    ORDER BY pinned DESC, updated_at DESC, id DESC LIMIT $5
  )
  SELECT p.id, p.type, p.external_group_id, p.metadata, p.is_active, p.last_seq::float8, p.member_count, p.created_at,
    p.updated_at, p.role, p.last_read_seq::float8, p.my_settings, p.pinned, s.settings,
    (extract(epoch FROM p.updated_at) * 1000000)::float8 AS activity,
    (${unreadMessages(listed)}
    ) AS unread_count,
    (${unreadMentions(listed)}
    ) AS unread_mentions
  FROM page p LEFT JOIN conversation_settings s ON s.conversation_id = p.id
  ORDER BY p.pinned DESC, p.updated_at DESC, p.id DESC`

/** $1 conversation, $2 whether to count the messages, $3 whose unread ones to count, or null; $4 at. */
export const stats = `
  SELECT (CASE WHEN $2 THEN (
      SELECT count(*) FROM messages a
      WHERE a.conversation_id = c.id AND NOT a.is_deleted AND (a.expires_at IS NULL OR a.expires_at > $4)
    ) END)::float8 AS messages,
    (CASE WHEN m.id IS NOT NULL THEN (${unreadMessages({
      conversation: "c.id",
      user: "$3",
      seen: seenBy,
      hidden: "m.last_hidden_seq",
      at: "$4"
    })}
    ) END)::float8 AS unread,
    floor(extract(epoch FROM c.updated_at) * 1000)::float8 AS last_activity
  FROM conversations c
  LEFT JOIN conversation_members m ON m.conversation_id = c.id AND m.user_id = $3 AND m.is_active
  WHERE c.id = $1 AND c.is_active`

export const idsOf = `
  SELECT m.user_id, array_agg(m.conversation_id ORDER BY c.updated_at DESC) AS ids
  FROM conversation_members m JOIN conversations c ON c.id = m.conversation_id
  WHERE m.user_id = ANY ($1::uuid[]) AND m.is_active AND c.is_active
  GROUP BY m.user_id`

/** $1 user, $2 others. Of each one's conversations the first that is shared is enough. */
export const sharing = `
  SELECT i.user_id FROM unnest($2::uuid[]) AS i (user_id)
  WHERE i.user_id = $1::uuid OR EXISTS (
    SELECT FROM conversation_members o
    JOIN conversation_members m ON m.conversation_id = o.conversation_id AND m.user_id = $1::uuid AND m.is_active
    JOIN conversations c ON c.id = o.conversation_id AND c.is_active
    WHERE o.user_id = i.user_id AND o.is_active
  )`

/**
 * $1 conversation, $2 row ids, $3 users, $4 role, $5 at. No row: no such conversation; one of nulls: nobody was new.
 * Who comes back keeps their positions.
 */
export const addMembers = `
  WITH target AS (
    SELECT id, last_seq FROM conversations WHERE id = $1 AND is_active FOR NO KEY UPDATE
  ), added AS (
    INSERT INTO conversation_members AS m (id, conversation_id, user_id, role, joined_at, joined_seq)
    SELECT n.id, target.id, n.user_id, $4, $5, target.last_seq
    FROM target, unnest($2::uuid[], $3::uuid[]) AS n (id, user_id)
    ON CONFLICT (conversation_id, user_id) DO UPDATE SET
      is_active = true, role = excluded.role, joined_at = excluded.joined_at, joined_seq = excluded.joined_seq,
      updated_at = now()
    WHERE NOT m.is_active
    RETURNING ${memberColumns.replaceAll("::float8", "")}
  ), counted AS (
    UPDATE conversations c SET member_count = c.member_count + n.count, updated_at = greatest(c.updated_at, $5)
    FROM target, (SELECT count(*)::int AS count FROM added) n
    WHERE c.id = target.id AND n.count > 0
  )
  SELECT ${memberColumns},${readReceipts("added")} FROM target LEFT JOIN added ON true`

/** $1 conversation, $2 by, $3 user, $4 role. */
export const removeMember =
  "SELECT removed, heir, closed FROM remove_member($1::uuid, $2::uuid, $3::uuid, $4)"

/** $1 conversation, $2 by, $3 user, $4 new role. */
export const changeRole = "SELECT change_role($1::uuid, $2::uuid, $3::uuid, $4) AS done"

/** $1 conversation, $2 after user, $3 rows. */
export const membersOf = `
  SELECT ${memberColumns},${readReceipts("conversation_members")} FROM conversation_members
  WHERE conversation_id = $1 AND is_active AND ($2::uuid IS NULL OR user_id > $2) ORDER BY user_id LIMIT $3`

/** $1 conversation, $2 by, $3 at. */
export const close = `
  UPDATE conversations c SET is_active = false, updated_at = greatest(c.updated_at, $3)
  WHERE c.id = $1 AND c.is_active AND EXISTS (
    SELECT FROM conversation_members m
    WHERE m.conversation_id = c.id AND m.user_id = $2 AND m.is_active AND m.role = 'owner'
  )
  RETURNING c.id`

/** $1 conversation, $2 user. */
export const clear = `
  WITH target AS (
    SELECT id, last_seq FROM conversations WHERE id = $1 FOR NO KEY UPDATE
  )
  UPDATE conversation_members m SET cleared_seq = target.last_seq, last_hidden_seq = target.last_seq, updated_at = now()
  FROM target WHERE m.conversation_id = target.id AND m.user_id = $2 AND m.is_active
  RETURNING m.cleared_seq::float8`

/** $1 row id, $2 conversation, $3 settings. */
export const configure = `
  INSERT INTO conversation_settings AS s (id, conversation_id, settings)
  SELECT $1::uuid, c.id, $3 FROM conversations c WHERE c.id = $2 AND c.is_active
  ON CONFLICT (conversation_id) DO UPDATE SET settings = s.settings || excluded.settings, updated_at = now()
  RETURNING s.id`

/** $1 conversation, $2 user, $3 settings. */
export const prefer = `
  UPDATE conversation_members SET settings = settings || $3, updated_at = now()
  WHERE conversation_id = $1 AND user_id = $2 AND is_active RETURNING id`

/** $1 conversation, $2 since. In slow mode there are hardly more messages than members; further back is not looked. */
export const recentSends = `
  SELECT DISTINCT ON (r.sender_id) r.sender_id, r.sent_at, r.client_random::float8
  FROM (
    SELECT sender_id, sent_at, client_random, seq FROM messages
    WHERE conversation_id = $1 ORDER BY seq DESC LIMIT ${MAX_MEMBERS}
  ) r
  WHERE r.sent_at > $2 ORDER BY r.sender_id, r.seq DESC`

/** $1 conversation, $2 metadata, $3 at. */
export const update = `
  UPDATE conversations SET metadata = $2, updated_at = greatest(updated_at, $3)
  WHERE id = $1 AND is_active RETURNING id`
