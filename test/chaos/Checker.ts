/**
 * Whether the promises held: compares what the clients were told, and what they saw, with what Postgres holds. Answers
 * what is wrong, one line each; nothing is what it should be.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import type { Reader } from "../support/Reader.ts"
import type { Acknowledged } from "./Crowd.ts"

interface Row {
  readonly id: string
  readonly conversation_id: string
  readonly sender_id: string
  readonly client_random: string
  readonly seq: string
}

const keyOf = (conversation: string, sender: string, clientRandom: string | number) =>
  `${conversation} ${sender} ${clientRandom}`

const stored = (databaseUrl: string, conversations: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return yield* sql<Row>`
      SELECT id, conversation_id, sender_id, client_random::text, seq::text
      FROM messages WHERE ${sql.in("conversation_id", conversations)} ORDER BY conversation_id, messages.seq`
  }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(databaseUrl) })), Effect.orDie)

/** One order without a gap in each conversation, nothing twice. */
const checkOrder = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const keys = new Set<string>()
  let conversation = ""
  let expected = 1
  for (const row of rows) {
    if (row.conversation_id !== conversation) {
      conversation = row.conversation_id
      expected = 1
    }
    if (Number(row.seq) !== expected)
      wrong.push(`${conversation}: ${row.seq} is stored where ${expected} belongs`)
    expected = Number(row.seq) + 1
    const key = keyOf(row.conversation_id, row.sender_id, row.client_random)
    if (keys.has(key)) wrong.push(`stored twice: ${key}`)
    keys.add(key)
  }
  return wrong
}

/** Every message that was acknowledged is there, under the id and the number that were acknowledged. */
const checkAcknowledged = (
  rows: ReadonlyArray<Row>,
  all: ReadonlyArray<Acknowledged>
): ReadonlyArray<string> => {
  const found = new Map(
    rows.map((row) => [keyOf(row.conversation_id, row.sender_id, row.client_random), row])
  )
  return all.flatMap((one) => {
    const key = keyOf(one.conversation, one.sender, one.clientRandom)
    const row = found.get(key)
    if (row === undefined) return [`acknowledged and lost: ${key}`]
    if (row.id === one.id && Number(row.seq) === one.seq) return []
    return [`acknowledged as ${one.id} ${one.seq}, stored as ${row.id} ${row.seq}: ${key}`]
  })
}

/** Every reader saw everything, once, in order. */
const checkReaders = (rows: ReadonlyArray<Row>, readers: ReadonlyArray<Reader>): ReadonlyArray<string> => {
  const byConversation = Map.groupBy(rows, (row) => row.conversation_id)
  return readers.flatMap(({ conversation, seen }, i) => {
    const expected = (byConversation.get(conversation) ?? []).map(({ id, seq }) => `${seq} ${id}`)
    const got = seen.map(({ id, seq }) => `${seq} ${id}`)
    const at = expected.findIndex((one, i) => one !== got[i])
    if (at === -1 && got.length === expected.length) return []
    const around = (list: ReadonlyArray<string>) =>
      list.slice(Math.max(0, at - 1), at + 3).map((one) => one.split(" ")[0])
    return [
      `reader ${i} of ${conversation} has ${got.length} of ${expected.length}; from ${at}: ` +
        `${around(got)} instead of ${around(expected)}`
    ]
  })
}

export const check = Effect.fnUntraced(function* (
  databaseUrl: string,
  conversations: ReadonlyArray<string>,
  acknowledged: ReadonlyArray<Acknowledged>,
  readers: ReadonlyArray<Reader>
) {
  const rows = yield* stored(databaseUrl, conversations)
  const wrong = [
    ...checkOrder(rows),
    ...checkAcknowledged(rows, acknowledged),
    ...checkReaders(rows, readers)
  ]
  return { stored: rows.length, wrong }
})
