/** A pool of Redis for tests of one layer: connected and running, without the rest of the service. */
import { Context, Duration, Effect, Layer, Logger, Redacted } from "effect"
import * as Redis from "../../src/layers/redis/Redis.ts"
import * as Poll from "./Poll.ts"
import * as RedisServer from "./RedisServer.ts"

export type PoolName = "main" | "session" | "queue"

export interface PoolOptions {
  /** Default 2. */
  readonly connections?: number
}

/** Against a server that the test has. */
export const at = (url: string, name: PoolName, options: PoolOptions = {}) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const context = yield* Layer.build(
        Redis.layer({
          url: Redacted.make(url),
          connections: options.connections ?? 2,
          connectTimeout: Duration.seconds(1),
          // No Redis here falls silent: whatever takes its time is the machine, and that is no outage.
          commandTimeout: Duration.seconds(20)
        })
      )
      const pool = Context.get(context, Redis.Redis)[name]
      yield* Effect.forkScoped(pool.run)
      yield* Poll.until(() => pool.isWhole())
      return context
    })
  )

/** With a server of its own, which is in the context too. */
export const layer = (name: PoolName, options?: PoolOptions) =>
  Layer.unwrap(Effect.map(RedisServer.RedisServer, ({ url }) => at(url, name, options))).pipe(
    Layer.provideMerge(RedisServer.layer()),
    Layer.provide(Logger.layer([]))
  )
