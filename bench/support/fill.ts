/**
 * A database as years of use would leave it, made by the database itself in a few statements: one long conversation, and
 * many short ones that one person is in. Ids are numbers in the shape of a UUID, so that whoever reads finds them.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { ConversationId, UserId } from "../../src/domain/Ids.ts"

export interface FillOptions {
  /** Of the long conversation. */
  readonly messages: number
  /** Short ones, with three messages each. */
  readonly conversations: number
}

/** Messages in one statement: it has to end within the statement timeout, if there is any. */
const STEP = 20_000

const prefixes = {
  user: "0001",
  conversation: "0002",
  member: "0003",
  message: "0004",
  extra: "0005"
} as const

const uuid = (kind: keyof typeof prefixes, number: string) =>
  `('01900000-${prefixes[kind]}-7000-8000-' || lpad(to_hex((${number})::bigint), 12, '0'))::uuid`

const idOf = (kind: keyof typeof prefixes, n: number) =>
  `01900000-${prefixes[kind]}-7000-8000-${n.toString(16).padStart(12, "0")}`

/** The long conversation is number 0; user 0 is in every conversation, user 1 writes most. */
export const longConversation = idOf("conversation", 0) as ConversationId
export const reader = idOf("user", 0) as UserId

/** Who writes most in the long conversation, and then one person in each short one. */
export const userIn = (n: number) => idOf("user", n) as UserId

/** The message with this number in the long conversation. */
export const messageIn = (seq: number) => idOf("message", seq)

/** Seven common words and a rare one; every thousandth message expires, mentions the reader and has an attachment. */
const messageColumns = `
  (SELECT convert_to('word' || m.n % 7 || ' of word' || m.n % 1009 || ' and rare' || m.n, 'UTF8')),
  CASE WHEN m.n % 1000 = 0 THEN jsonb_build_object('mentions', jsonb_build_array('${reader}')) ELSE '{}' END,
  m.n, '2024-01-01'::timestamptz + m.n * interval '1 second',
  CASE WHEN m.n % 1000 = 0 THEN '2030-01-01'::timestamptz + m.n * interval '1 second' END`

const insertMessages = (conversation: string, seq: string, numbers: string) => `
  INSERT INTO messages (id, conversation_id, seq, version_seq, sender_id, message_type, content, metadata, client_random,
    sent_at, expires_at)
  SELECT ${uuid("message", "m.n")}, ${conversation}, ${seq}, ${seq}, ${uuid("user", "1")}, 'text', ${messageColumns}
  FROM ${numbers}`

export const fill = Effect.fnUntraced(function* ({ conversations, messages }: FillOptions) {
  const sql = yield* SqlClient
  const run = (text: string) => sql.unsafe(text)
  const inSteps = Effect.fnUntraced(function* (total: number, textOf: (from: number, to: number) => string) {
    for (let from = 1; from <= total; from += STEP) yield* run(textOf(from, Math.min(total, from + STEP - 1)))
  })

  yield* run(`
    INSERT INTO conversations (id, type, last_seq, member_count, updated_at)
    SELECT ${uuid("conversation", "n")}, 'group', CASE WHEN n = 0 THEN ${messages} ELSE 3 END, 2,
      '2024-01-01'::timestamptz + n * interval '1 minute'
    FROM generate_series(0, ${conversations}) n`)
  yield* run(`
    INSERT INTO conversation_members (id, conversation_id, user_id, role, joined_at, last_read_seq)
    SELECT ${uuid("member", "2 * n + u")}, ${uuid("conversation", "n")}, ${uuid("user", "CASE WHEN u = 0 THEN 0 ELSE n + 1 END")},
      'member', '2024-01-01', CASE WHEN n = 0 THEN ${Math.max(0, messages - 100)} ELSE 0 END
    FROM generate_series(0, ${conversations}) n, generate_series(0, 1) u`)
  yield* inSteps(messages, (from, to) =>
    insertMessages(`'${longConversation}'`, "m.n", `generate_series(${from}, ${to}) AS m (n)`)
  )
  yield* inSteps(3 * conversations, (from, to) =>
    insertMessages(
      uuid("conversation", "(m.n - 1 - $0) / 3 + 1").replaceAll("$0", String(messages)),
      `(m.n - 1 - ${messages}) % 3 + 1`,
      `generate_series(${messages + from}, ${messages + to}) AS m (n)`
    )
  )
  yield* run(`
    INSERT INTO message_attachments (id, message_id, conversation_id, seq, position, media_id, media_type)
    SELECT ${uuid("extra", "n")}, ${uuid("message", "n")}, '${longConversation}', n, 0, ${uuid("extra", "n")}, 'image'
    FROM generate_series(1000, ${messages}, 1000) n`)
  yield* run(`
    INSERT INTO scheduled_messages (id, conversation_id, sender_id, message_type, content, client_random, scheduled_for,
      attempt_at, is_sent)
    SELECT ${uuid("extra", "n")}, ${uuid("conversation", "n")}, ${uuid("user", "n % 50")}, 'text', 'x', n, at, at, n % 10 > 0
    FROM generate_series(1, ${conversations}) n, LATERAL (SELECT '2030-01-01'::timestamptz + n * interval '1 second' AS at) t`)
  yield* run(`
    INSERT INTO drafts (user_id, conversation_id, content, updated_at)
    SELECT '${reader}', ${uuid("conversation", "n")}, 'x', '2024-01-01'::timestamptz + n * interval '1 second'
    FROM generate_series(1, least(${conversations}, 500)) n`)
  yield* run(`
    INSERT INTO conversation_settings (id, conversation_id, settings)
    SELECT ${uuid("extra", "n")}, ${uuid("conversation", "n")},
      CASE WHEN n % 10 = 0 THEN '{"retention_seconds": 3600}'::jsonb ELSE '{}' END
    FROM generate_series(1, ${conversations}) n`)
  yield* run(`
    INSERT INTO delivery_statuses (message_id, user_id, delivered_at)
    SELECT ${uuid("message", "n")}, '${reader}', '2025-01-01' FROM generate_series(1, least(${messages}, ${STEP})) n`)
  for (const table of ["user_preferences (user_id)", "last_seen (user_id, seen_at)"]) {
    yield* run(`
      INSERT INTO ${table} SELECT ${uuid("user", "n")}${table.includes("seen_at") ? ", '2025-01-01'" : ""}
      FROM generate_series(0, ${conversations}) n`)
  }
  yield* run("ANALYZE")
})
