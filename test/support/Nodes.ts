/** Several nodes of one service: what they share, and when they share it. */
import { Effect } from "effect"
import * as AppProcess from "./AppProcess.ts"
import * as Poll from "./Poll.ts"
import * as PostgresServer from "./PostgresServer.ts"
import * as RedisServer from "./RedisServer.ts"
import * as TempDir from "./TempDir.ts"

type Env = Readonly<Record<string, string>>

/** A Postgres, and the environment of nodes over it and a Redis; none is started yet. */
export const groundOn = Effect.fnUntraced(function* (redisUrl: string, extra: Env = {}) {
  const postgres = yield* PostgresServer.make({ fsync: false })
  const env: Env = {
    APP_ENV: "test",
    // The dev issuer's key lies there: all nodes believe the same tokens.
    DATA_DIR: yield* TempDir.make("nodes"),
    DATABASE_URL: postgres.url,
    REDIS_URL: redisUrl,
    ...extra
  }
  return { postgres, env }
})

/** The same with a Redis of its own. */
export const ground = Effect.fnUntraced(function* (extra?: Env) {
  const redis = yield* RedisServer.make()
  return { redis, ...(yield* groundOn(redis.url, extra)) }
})

/**
 * A node listens before it has reached Redis: until then it answers `unavailable` to what needs it, and what the others
 * tell passes it by.
 */
export const hasRedis = (app: AppProcess.RunningApp) =>
  Poll.until(
    async () => {
      const { status } = (await (await fetch(`${app.url}/health`)).json()) as { readonly status: string }
      return status === "up"
    },
    { what: "a node with Redis" }
  )

/** Two that have reached their Redis. */
export const two = Effect.fnUntraced(function* (extra?: Env) {
  const { env, redis } = yield* ground(extra)
  const [one, two] = [yield* AppProcess.start({ env }), yield* AppProcess.start({ env })]
  yield* Effect.all([hasRedis(one), hasRedis(two)], { discard: true })
  return { env, redis, one, two }
})
