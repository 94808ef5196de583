import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Logger, Redacted } from "effect"
import * as RedisPool from "../../../src/layers/redis/RedisPool.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisSentinel from "../../support/RedisSentinel.ts"

describe("A Redis pool behind Sentinels", () => {
  it.live("finds the master, and the new one when it dies, without a restart and with what was written", () =>
    Effect.gen(function* () {
      const { master, replica, url } = yield* RedisSentinel.make
      const pool = yield* RedisPool.make({
        name: "main_pool",
        url: Redacted.make(url),
        size: 2,
        connectTimeout: Duration.seconds(1),
        commandTimeout: Duration.millis(500),
        maxInFlight: 100,
        maxPending: 1_000_000
      })
      yield* Effect.forkScoped(pool.run)
      yield* Poll.until(() => pool.connected() === 2)
      const portOf = Effect.map(pool.send("CONFIG", "GET", "port"), (answer) =>
        Number(Array.isArray(answer) ? answer[1] : (answer as { port: string }).port)
      )
      assert.strictEqual(yield* portOf, master.port)
      yield* pool.send("SET", "key", "value")
      yield* Poll.until(Effect.map(pool.send("WAIT", "1", "100"), (count) => count === 1))
      yield* master.kill9
      yield* Poll.until(
        Effect.map(pool.send("SET", "other", "value"), (answer) => answer === "OK"),
        { what: "the new master", deadline: 20_000 }
      )
      assert.strictEqual(yield* portOf, replica.port)
      assert.strictEqual(yield* pool.send("GET", "key"), "value")
    }).pipe(Effect.provide(Logger.layer([])))
  )
})
