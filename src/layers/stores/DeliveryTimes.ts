/**
 * When each message reached and was read by each member: rows of `delivery_statuses`, for conversations of up to so many
 * members. Made from positions that were committed (`Watermarks`), behind them and in batches: no receipt waits for it.
 *
 * Nothing depends on a row being there. That a message was read is said by its reader's position; what a crash or an
 * outage swallows here is at most when the messages of the last moment were, and whoever asks is then told "read" without
 * a time. An orderly stop writes what is left.
 */
import { Effect, Result } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Overloaded, Unavailable } from "../../domain/Errors.ts"
import type { ConversationId, UserId } from "../../domain/Ids.ts"
import * as LiveMetrics from "../../domain/LiveMetrics.ts"
import { Database } from "../database/Database.ts"
import { float8s, timestamps, uuids } from "../database/SqlArrays.ts"
import * as GroupCommit from "./GroupCommit.ts"

/** What a member's position has passed over: from, exclusive, and to. */
export interface Passed {
  readonly conversationId: ConversationId
  readonly userId: UserId
  readonly delivered: readonly [from: number, to: number]
  readonly read: readonly [from: number, to: number]
  /** Unix ms. */
  readonly at: number
}

/** Of a longer way only the newest messages get their times: someone may mark years as read. */
const MAX_MESSAGES = 200

/** Ways in one statement at the most. */
const MAX_BATCH = 100

/**
 * Two ways of one member may pass over the same message, delivered and then read: one row, and the times that it had
 * before stay. In one order everywhere, so that two nodes cannot deadlock.
 */
const writeSql = `
  INSERT INTO delivery_statuses AS s (message_id, user_id, delivered_at, read_at)
  SELECT w.id, i.user_id, min(i.at) FILTER (WHERE w.seq > i.delivered_from),
    min(i.at) FILTER (WHERE w.seq > i.read_from AND w.seq <= i.read_to)
  FROM unnest($1::uuid[], $2::uuid[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::timestamptz[])
    AS i (conversation_id, user_id, delivered_from, delivered_to, read_from, read_to, at)
  CROSS JOIN LATERAL (
    SELECT m.id, m.seq FROM messages m
    WHERE m.conversation_id = i.conversation_id AND m.seq > i.read_from AND m.seq <= i.delivered_to
      AND (m.seq > i.delivered_from OR m.seq <= i.read_to) AND m.sender_id <> i.user_id AND NOT m.is_deleted
    ORDER BY m.seq DESC LIMIT ${MAX_MESSAGES}
  ) w
  GROUP BY w.id, i.user_id
  ORDER BY w.id, i.user_id
  ON CONFLICT (message_id, user_id) DO UPDATE SET
    delivered_at = coalesce(s.delivered_at, excluded.delivered_at),
    read_at = coalesce(s.read_at, excluded.read_at), updated_at = now()`

const unavailable = new Unavailable({ what: "delivery times" })

export const make = Effect.fnUntraced(function* (options: { readonly capacity: number }) {
  const sql = yield* SqlClient
  const database = yield* Database

  const commit = (ways: ReadonlyArray<Passed>) =>
    Effect.match(
      database.run(
        "DeliveryTimes.write",
        sql.unsafe(writeSql, [
          uuids(ways.map((way) => way.conversationId)),
          uuids(ways.map((way) => way.userId)),
          float8s(ways.map((way) => way.delivered[0])),
          float8s(ways.map((way) => way.delivered[1])),
          float8s(ways.map((way) => way.read[0])),
          float8s(ways.map((way) => way.read[1])),
          timestamps(ways.map((way) => way.at))
        ])
      ),
      {
        onSuccess: () => ways.map(() => Result.succeed<void>(undefined)),
        onFailure: () => ways.map(() => Result.fail(unavailable))
      }
    )

  const { offer, run } = yield* GroupCommit.make<Passed, void, Unavailable | Overloaded>({
    name: "delivery_times",
    capacity: options.capacity,
    capacityBytes: Infinity,
    maxBatch: MAX_BATCH,
    maxBatchBytes: Infinity,
    // A message that is read soon after it was delivered is then one row written once.
    pace: "250 millis",
    keyOf: (way) => way.conversationId,
    bytesOf: () => 0,
    commit,
    breaksKey: () => false,
    failed: unavailable,
    overloaded: new Overloaded({ what: "delivery times" })
  })
  let lost = 0
  yield* LiveMetrics.counter({
    id: "delivery_times_lost_total",
    description: "Positions that have moved and the times of whose messages could not be written",
    value: () => lost
  })
  const settled = (result: Result.Result<void, unknown>): void => {
    if (Result.isFailure(result)) lost++
  }
  return { run, note: (way: Passed) => offer(way, settled) }
})

export type DeliveryTimes = Effect.Success<ReturnType<typeof make>>
