/**
 * Read and delivery positions on their way to storage: group-committed like messages, one update per member of a
 * batch however many receipts came. Nothing here can break an order, since positions only ever grow.
 */
import { Effect, Result } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Overloaded, Unavailable } from "../../domain/Errors.ts"
import type { ConversationId, UserId } from "../../domain/Ids.ts"
import type { Advance } from "../../domain/ports/ConversationStore.ts"
import { Database } from "../database/Database.ts"
import { float8s, uuids } from "../database/SqlArrays.ts"
import type { Passed } from "./DeliveryTimes.ts"
import * as DeliveryTimes from "./DeliveryTimes.ts"
import * as GroupCommit from "./GroupCommit.ts"

export interface WatermarkOptions {
  /** Advances that may wait for a commit; past it they answer `Overloaded`. */
  readonly capacity: number
  /** Advances in one commit at the most. */
  readonly maxBatch: number
  /** Members of a conversation up to which it is kept when each message reached each of them; 0 for none. */
  readonly maxTimed: number
}

/**
 * Rows are locked in one order everywhere, so that two nodes that advance the same members cannot deadlock. Answers what
 * the positions have passed over, of messages since the member joined, in conversations of up to $5 members.
 */
const advanceSql = `
  WITH target AS (
    SELECT m.id, i.read_seq, i.delivered_seq, greatest(m.last_read_seq, m.joined_seq) AS read_from,
      greatest(m.last_delivered_seq, m.joined_seq) AS delivered_from,
      (SELECT c.member_count <= $5::int FROM conversations c WHERE c.id = m.conversation_id) AS is_timed
    FROM unnest($1::uuid[], $2::uuid[], $3::float8[], $4::float8[])
      AS i (conversation_id, user_id, read_seq, delivered_seq)
    JOIN conversation_members m ON m.conversation_id = i.conversation_id AND m.user_id = i.user_id
    WHERE i.read_seq > m.last_read_seq OR i.delivered_seq > m.last_delivered_seq
    ORDER BY m.id FOR NO KEY UPDATE OF m
  )
  UPDATE conversation_members m SET
    last_read_seq = greatest(m.last_read_seq, t.read_seq),
    last_read_at = CASE WHEN t.read_seq > m.last_read_seq THEN now() ELSE m.last_read_at END,
    last_delivered_seq = greatest(m.last_delivered_seq, t.delivered_seq),
    updated_at = now()
  FROM target t WHERE m.id = t.id
  RETURNING m.conversation_id, m.user_id, t.is_timed, t.read_from::float8, t.delivered_from::float8,
    m.last_read_seq::float8 AS read_to, m.last_delivered_seq::float8 AS delivered_to, now() AS at`

interface Advanced {
  readonly conversation_id: ConversationId
  readonly user_id: UserId
  readonly is_timed: boolean
  readonly read_from: number
  readonly read_to: number
  readonly delivered_from: number
  readonly delivered_to: number
  readonly at: Date
}

const passed = (row: Advanced): Passed => ({
  conversationId: row.conversation_id,
  userId: row.user_id,
  read: [row.read_from, row.read_to],
  delivered: [row.delivered_from, row.delivered_to],
  at: row.at.getTime()
})

/** One advance per member: the furthest of each position. */
const merge = (advances: ReadonlyArray<Advance>): ReadonlyArray<Advance> => {
  const byMember = new Map<string, Advance>()
  for (const advance of advances) {
    const key = `${advance.conversationId}:${advance.userId}`
    const other = byMember.get(key)
    byMember.set(
      key,
      other === undefined
        ? advance
        : {
            ...advance,
            readSeq: Math.max(advance.readSeq, other.readSeq),
            deliveredSeq: Math.max(advance.deliveredSeq, other.deliveredSeq)
          }
    )
  }
  return [...byMember.values()]
}

const done = Result.succeed<void>(undefined)
const unavailable = new Unavailable({ what: "positions" })
const failed = Result.fail(unavailable)

export const make = Effect.fnUntraced(function* (options: WatermarkOptions) {
  const sql = yield* SqlClient
  const database = yield* Database
  const times = yield* DeliveryTimes.make(options)

  const commit = (advances: ReadonlyArray<Advance>) => {
    const merged = merge(advances)
    const parameters = [
      uuids(merged.map((a) => a.conversationId)),
      uuids(merged.map((a) => a.userId)),
      float8s(merged.map((a) => a.readSeq)),
      float8s(merged.map((a) => a.deliveredSeq)),
      options.maxTimed
    ]
    return Effect.match(database.run("advance", sql.unsafe<Advanced>(advanceSql, parameters)), {
      onSuccess: (rows) => {
        for (const row of rows) if (row.is_timed) times.note(passed(row))
        return advances.map(() => done)
      },
      onFailure: () => advances.map(() => failed)
    })
  }

  const positions = yield* GroupCommit.make<Advance, void, Unavailable | Overloaded>({
    capacity: options.capacity,
    maxBatch: options.maxBatch,
    name: "watermarks",
    capacityBytes: Infinity,
    maxBatchBytes: Infinity,
    // Nobody waits for a receipt, and the longer it waits the more of them are one update.
    pace: "20 millis",
    keyOf: (advance) => advance.conversationId,
    bytesOf: () => 0,
    commit,
    breaksKey: () => false,
    failed: unavailable,
    overloaded: new Overloaded({ what: "positions" })
  })
  return { offer: positions.offer, run: positions.run, runTimes: times.run }
})
