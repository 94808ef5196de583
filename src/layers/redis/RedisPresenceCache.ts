/**
 * The PresenceCache that nodes share: a hash per topic with a field per device, and one sorted set of the nodes, scored
 * by the end of their leases. Time is Redis's own, so clocks that differ take nobody's lease.
 *
 * What a dead node has left stays in the hashes until it is swept or the hash expires, but nobody is shown it.
 */
import { Duration, Effect, Layer } from "effect"
import type { UserId } from "../../domain/Ids.ts"
import type { Meta } from "../../domain/Presence.ts"
import { type Held, PresenceCache, type TopicChange } from "../../domain/ports/PresenceCache.ts"
import { Redis } from "./Redis.ts"
import type { Sender } from "./RedisPool.ts"
import * as RedisScript from "./RedisScript.ts"

/** Nodes by the end of their leases. */
const NODES = "messaging:nodes"
const PREFIX = "messaging:presence:"

/** Past it a topic that nobody writes to is forgotten. Nodes write all they have again well before. */
const LIFETIME = Duration.toMillis("1 hour")

/** Topics at a time. */
const CONCURRENCY = 250

/** Keys looked at, and fields asked for, by one command of a sweep. */
const SCAN_COUNT = "200"

const beatScript = `${RedisScript.now}
local former = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ${LIFETIME})
local live = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
return {(not former or tonumber(former) <= now) and 1 or 0, live}`

const liveScript = `${RedisScript.now}
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')`

/** Forgets nodes that have been dead for longer than anything they may have written is kept. */
const forgetScript = `${RedisScript.now}
return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ${LIFETIME})`

/** ARGV: how many fields with their values follow, those, and then the fields to remove. */
const writeScript = `
local last = 1 + 2 * tonumber(ARGV[1])
for i = 2, last, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ${LIFETIME})`

/** A field is `node:ref`, its value `user meta`. */
const fieldOf = (node: string, ref: string): string => `${node}:${ref}`
const nodeOf = (field: string): string => field.slice(0, field.indexOf(":"))

const decode = (field: string, value: string): Held => {
  const space = value.indexOf(" ")
  // Written by `write`, and by nobody else.
  return {
    node: nodeOf(field),
    userId: value.slice(0, space) as UserId,
    meta: JSON.parse(value.slice(space + 1)) as Meta
  }
}

/** A hash comes as pairs in one array, or as an object from a connection that speaks RESP3. */
const entriesOf = (answer: unknown): ReadonlyArray<readonly [string, string]> => {
  if (!Array.isArray(answer)) return Object.entries((answer ?? {}) as Record<string, string>)
  return Array.from({ length: answer.length / 2 }, (_, i) => [answer[2 * i], answer[2 * i + 1]] as const)
}

export const layer = Layer.effect(
  PresenceCache,
  Effect.gen(function* () {
    const { session: redis } = yield* Redis
    const [beat, livingNodes] = [RedisScript.make(redis, beatScript), RedisScript.make(redis, liveScript)]
    const [writeFields, forget] = [
      RedisScript.make(redis, writeScript),
      RedisScript.make(redis, forgetScript)
    ]

    const live = Effect.map(
      livingNodes([NODES], []),
      (nodes): ReadonlySet<string> => new Set(nodes as ReadonlyArray<string>)
    )

    const writeTopic = (node: string, { joins, leaves, topic }: TopicChange) => {
      const fields = joins.flatMap(({ meta, userId }) => [
        fieldOf(node, meta.phx_ref),
        `${userId} ${JSON.stringify(meta)}`
      ])
      const gone = leaves.map((ref) => fieldOf(node, ref))
      return writeFields([PREFIX + topic], [String(joins.length), ...fields, ...gone])
    }

    /**
     * Removes the fields of dead nodes from one hash. Who lives is asked after the fields were: a node takes its lease
     * before it writes, so the writer of what was found has one by now, or is dead.
     */
    const sweepTopic = Effect.fnUntraced(function* (key: string) {
      let [cursor, removed] = ["0", 0]
      do {
        const answer = yield* redis.send("HSCAN", key, cursor, "COUNT", SCAN_COUNT)
        const [next, found] = answer as [string, unknown]
        const living = yield* live
        const dead = entriesOf(found).flatMap(([field]) => (living.has(nodeOf(field)) ? [] : [field]))
        if (dead.length > 0) removed += Number(yield* redis.send("HDEL", key, ...dead))
        cursor = next
      } while (cursor !== "0")
      return removed
    })

    const sweepServer = Effect.fnUntraced(function* ({ send }: Sender) {
      let [cursor, removed] = ["0", 0]
      do {
        const answer = yield* send("SCAN", cursor, "MATCH", `${PREFIX}*`, "COUNT", SCAN_COUNT)
        const [next, keys] = answer as [string, ReadonlyArray<string>]
        for (const key of keys) removed += yield* sweepTopic(key)
        cursor = next
      } while (cursor !== "0")
      return removed
    })

    const sweep = Effect.gen(function* () {
      yield* forget([NODES], [])
      const removed = yield* Effect.forEach(redis.servers(), sweepServer)
      return removed.reduce((sum, each) => sum + each, 0)
    })

    return PresenceCache.of({
      isShared: true,
      beat: (node, lease) =>
        Effect.map(beat([NODES], [node, String(Duration.toMillis(lease))]), (answer) => {
          const [isNew, nodes] = answer as [number, ReadonlyArray<string>]
          return { isNew: isNew === 1, live: new Set(nodes) }
        }),
      leave: (node) => Effect.asVoid(redis.send("ZREM", NODES, node)),
      write: (node, changes) =>
        Effect.forEach(changes, (change) => writeTopic(node, change), {
          concurrency: CONCURRENCY,
          discard: true
        }),
      read: Effect.fnUntraced(function* (topics) {
        const living = yield* live
        const held = yield* Effect.forEach(
          topics,
          (topic) =>
            Effect.map(redis.send("HGETALL", PREFIX + topic), (answer): [string, ReadonlyArray<Held>] => [
              topic,
              entriesOf(answer).flatMap(([field, value]) =>
                living.has(nodeOf(field)) ? [decode(field, value)] : []
              )
            ]),
          { concurrency: CONCURRENCY }
        )
        return { live: living, held: new Map(held) }
      }),
      sweep
    })
  })
)
