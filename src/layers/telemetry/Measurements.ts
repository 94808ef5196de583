/** What can be asked of the servers that all nodes share, and costs a question: for the worker that asks once a minute. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Unavailable } from "../../domain/Errors.ts"
import { MessageQueueCache } from "../../domain/ports/MessageQueueCache.ts"
import { PresenceCache } from "../../domain/ports/PresenceCache.ts"
import { Database } from "../database/Database.ts"
import type { RedisPool, Sender } from "../redis/RedisPool.ts"

const unavailable = new Unavailable({ what: "redis" })

/** One figure of Redis's INFO; of a cluster, the sum of its masters. */
const infoOf = (pool: RedisPool, section: string, field: string) => {
  const ofServer = ({ send }: Sender) =>
    Effect.flatMap(send("INFO", section), (text) => {
      const value = new RegExp(`^${field}:(\\d+)`, "m").exec(String(text))?.[1]
      return value === undefined ? Effect.fail(unavailable) : Effect.succeed(Number(value))
    })
  return Effect.suspend(() =>
    Effect.map(Effect.forEach(pool.servers(), ofServer, { concurrency: "unbounded" }), (values) =>
      values.reduce((sum, value) => sum + value, 0)
    )
  )
}

const figures = [
  ["redis_memory_used_bytes", "Memory that Redis uses", "memory", "used_memory"],
  ["redis_memory_max_bytes", "Memory that Redis may use; 0 for no limit", "memory", "maxmemory"],
  ["redis_clients", "Connections of all clients of this Redis", "clients", "connected_clients"],
  [
    "redis_evicted_keys",
    "Keys that Redis has evicted since its start: there should be none",
    "stats",
    "evicted_keys"
  ]
] as const

/** Per pool, since each may be a Redis of its own. */
export const redis = (pools: ReadonlyArray<RedisPool>) =>
  pools.flatMap((pool) =>
    figures.map(([id, description, section, field]) => ({
      id,
      description,
      attributes: { pool: pool.name },
      measure: infoOf(pool, section, field)
    }))
  )

export const shared = Effect.gen(function* () {
  const sql = yield* SqlClient
  const database = yield* Database
  const presence = yield* PresenceCache
  const { totals } = yield* MessageQueueCache
  const queued = yield* Effect.cachedWithTTL(totals, "1 second")
  const size = sql.unsafe<{ readonly bytes: string }>("SELECT pg_database_size(current_database()) AS bytes")
  return [
    {
      id: "database_size_bytes",
      description: "Size of the database",
      measure: Effect.map(database.run("Measurements.size", size), ([row]) => Number(row?.bytes))
    },
    {
      id: "live_nodes",
      description: "Nodes that hold a lease, this one included",
      measure: Effect.map(presence.read([]), ({ live }) => live.size)
    },
    {
      id: "offline_queue_users",
      description: "Users with an offline queue; an estimate where there are many",
      measure: Effect.map(queued, ({ users }) => users)
    },
    {
      id: "offline_queue_entries",
      description: "References in all offline queues; an estimate where there are many",
      measure: Effect.map(queued, ({ entries }) => entries)
    }
  ]
})
