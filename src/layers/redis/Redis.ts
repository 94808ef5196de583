/**
 * The Redis of this process: three pools for three kinds of work, which may be three servers, and one connection for
 * publish/subscribe. Owns their making; the supervision tree runs them, under `Redis`. Knows no key and no channel.
 *
 * Nothing here waits for Redis: the service starts without it, and is degraded until it comes.
 */
import { Context, Data, type Duration, Effect, Layer, Redacted } from "effect"
import type { Finding } from "../../domain/ports/Health.ts"
import * as RedisPool from "./RedisPool.ts"
import * as RedisPubSub from "./RedisPubSub.ts"
import * as RedisUrl from "./RedisUrl.ts"

export interface RedisOptions {
  readonly url: Redacted.Redacted
  /** Default: `url`. */
  readonly sessionUrl?: Redacted.Redacted | undefined
  /** Default: `url`. */
  readonly queueUrl?: Redacted.Redacted | undefined
  /** Of each pool. */
  readonly connections: number
  readonly connectTimeout: Duration.Duration
  readonly commandTimeout: Duration.Duration
}

/** A URL that cannot name a Redis. `message` names the variable, and no credentials. */
export class RedisUnusable extends Data.TaggedError("RedisUnusable")<{ readonly message: string }> {}

/** Commands sent and not answered, per connection. */
const maxInFlight = 10_000

/** Publications sent and not answered. Past it the connection is dropped, and what was missed is repaired. */
const maxPublishing = 50_000

/** Characters of the commands sent and not answered, per connection. */
const maxPending = 64 * 1024 * 1024

/** Written to know whether each server takes writes: one that is full stays connected, and answers what is read. */
const PROBE = "messaging:probe"

/** Redis's own names for refusing a write: full, a replica, unable to save, without its replicas, its cluster or a right. */
const refusal = /^(?:OOM|READONLY|MISCONF|NOREPLICAS|CLUSTERDOWN|NOPERM)\b/

export class Redis extends Context.Service<
  Redis,
  {
    /** Limits, revocations, cached tokens and preferences. */
    readonly main: RedisPool.RedisPool
    /** Presence and sessions. */
    readonly session: RedisPool.RedisPool
    /** Offline queues and locks. */
    readonly queue: RedisPool.RedisPool
    readonly pubsub: RedisPubSub.RedisPubSub
    /**
     * `degraded` while any of them is away or refuses writes: without Redis this node does its own work, and others
     * catch up later. Asks Redis once a second at the most.
     */
    readonly check: Effect.Effect<Finding>
  }
>()("messaging-service/layers/redis/Redis") {}

const checked = (
  variable: string,
  url: Redacted.Redacted
): Effect.Effect<Redacted.Redacted, RedisUnusable> => {
  return RedisUrl.parse(Redacted.value(url)) !== undefined
    ? Effect.succeed(url)
    : Effect.fail(
        new RedisUnusable({
          message: `${variable} cannot be used: expected redis://host:port/database, redis-sentinel://host:port,host:port/name/database, redis-cluster://host:port,host:port, or the same with rediss`
        })
      )
}

const make = Effect.fnUntraced(function* (options: RedisOptions) {
  const { commandTimeout, connections: size, connectTimeout, queueUrl, sessionUrl } = options
  const url = yield* checked("REDIS_URL", options.url)
  const common = { connectTimeout, commandTimeout, maxPending }
  const pool = (name: string, url: Redacted.Redacted) =>
    RedisPool.make({ ...common, name, url, size, maxInFlight })

  const main = yield* pool("main_pool", url)
  const session = yield* pool("session_pool", yield* checked("REDIS_SESSION_URL", sessionUrl ?? url))
  const queue = yield* pool("queue_pool", yield* checked("REDIS_QUEUE_URL", queueUrl ?? url))
  const pubsub = yield* RedisPubSub.make({ ...common, name: "pubsub", url, maxInFlight: maxPublishing })

  const pools = [main, session, queue]
  /** What is wrong with a pool, or `undefined`. */
  const trouble = (pool: RedisPool.RedisPool) =>
    Effect.suspend(() => {
      if (!pool.isWhole()) return Effect.succeed("not connected")
      return Effect.forEach(pool.keys(PROBE), (key) => pool.send("SET", key, "1", "EX", "10"), {
        concurrency: "unbounded",
        discard: true
      }).pipe(
        Effect.timeout("1 second"),
        Effect.match({
          onSuccess: () => undefined,
          onFailure: ({ cause }) =>
            cause instanceof Error && refusal.test(cause.message) ? "refuses writes" : "does not answer"
        })
      )
    })
  const check = yield* Effect.forEach(pools, trouble, { concurrency: "unbounded" }).pipe(
    Effect.map((troubles): Finding => {
      const found = pools.map(({ name }, i) => ({ name, trouble: troubles[i] }))
      const silenced = pubsub.isAllowed ? undefined : "forbids channels"
      found.push({ name: "pubsub", trouble: pubsub.isConnected ? silenced : "not connected" })
      const byTrouble = Map.groupBy(
        found.filter(({ trouble }) => trouble !== undefined),
        ({ trouble }) => trouble
      )
      if (byTrouble.size === 0) return { status: "up" }
      const lines = Array.from(
        byTrouble,
        ([what, which]) => `${what}: ${which.map(({ name }) => name).join(", ")}`
      )
      return { status: "degraded", detail: lines.join("; ") }
    }),
    Effect.cachedWithTTL("1 second")
  )
  return Redis.of({ main, session, queue, pubsub, check })
})

export const layer = (options: RedisOptions) => Layer.effect(Redis, make(options))
