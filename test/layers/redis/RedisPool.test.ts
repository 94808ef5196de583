/** A pool against a real Redis that is killed, stopped, emptied and closed to it. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Logger, Option, Redacted } from "effect"
import * as RedisPool from "../../../src/layers/redis/RedisPool.ts"
import * as Attempts from "../../support/Attempts.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisServer from "../../support/RedisServer.ts"

const options = {
  name: "main_pool",
  size: 2,
  connectTimeout: Duration.seconds(1),
  commandTimeout: Duration.millis(500),
  maxInFlight: 100,
  maxPending: 1_000_000
}

const running = Effect.fnUntraced(function* (url: string, changes: Partial<RedisPool.PoolOptions> = {}) {
  const pool = yield* RedisPool.make({ ...options, url: Redacted.make(url), ...changes })
  const fiber = yield* Effect.forkScoped(pool.run)
  return { pool, fiber }
})

const connected = (pool: RedisPool.RedisPool) => Poll.until(() => pool.isWhole(), { what: "all connections" })

/** Nothing is waited for: the answer is there before the event loop has another turn. */
const refusesAtOnce = (pool: RedisPool.RedisPool): void => {
  const exit = Effect.runSyncExit(pool.send("GET", "key"))
  assert.strictEqual(Option.getOrUndefined(Exit.findErrorOption(exit))?._tag, "Unavailable")
}

const it_ = (
  name: string,
  body: (redis: RedisServer.RedisServer["Service"]) => Effect.Effect<unknown, unknown, never>
) =>
  it.live(name, () =>
    Effect.scoped(Effect.flatMap(RedisServer.make(), body)).pipe(Effect.provide(Logger.layer([])))
  )

describe("A Redis pool", () => {
  it_("answers commands over all its connections, in the database of its URL", (redis) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { pool } = yield* running(`${redis.url}/3`)
        yield* connected(pool)
        yield* Effect.forEach(
          Array.from({ length: 100 }),
          (_, i) => pool.send("SET", `key ${i}`, String(i)),
          {
            concurrency: "unbounded"
          }
        )
        const clients = String(yield* pool.send("CLIENT", "LIST"))
        const ours = clients.split("\n").filter((line) => line.includes("name=messaging-service:main_pool"))
        assert.strictEqual(ours.length, 2)
        assert.isTrue(ours.every((line) => line.includes(" db=3 ")))
        assert.strictEqual(yield* pool.send("DBSIZE"), 100)
      })
    )
  )

  it_("tells a refused command with Redis's reply as the cause, and stays connected", (redis) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { pool } = yield* running(redis.url)
        yield* connected(pool)
        yield* pool.send("SET", "text", "a")
        const error = yield* Effect.flip(pool.send("LPUSH", "text", "b"))
        assert.include(String(error.cause), "WRONGTYPE")
        assert.strictEqual(pool.connected(), 2)
      })
    )
  )

  it_("answers at once while Redis is gone, and heals when it is back", (redis) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { pool } = yield* running(redis.url)
        yield* connected(pool)
        yield* redis.kill9
        yield* Poll.until(() => pool.connected() === 0)
        refusesAtOnce(pool)
        yield* redis.restart({ empty: true })
        yield* connected(pool)
        assert.strictEqual(yield* pool.send("PING"), "PONG")
      })
    )
  )

  it_("answers in time while Redis is silent, drops it, and heals when it speaks again", (redis) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { pool } = yield* running(redis.url)
        yield* connected(pool)
        yield* redis.stop
        const started = performance.now()
        assert.strictEqual((yield* Effect.flip(pool.send("GET", "key")))._tag, "Unavailable")
        assert.isBelow(performance.now() - started, 10_000)
        yield* Poll.until(() => pool.connected() === 0, { what: "the silent connections to be dropped" })
        refusesAtOnce(pool)
        yield* redis.cont
        yield* connected(pool)
        assert.strictEqual(yield* pool.send("PING"), "PONG")
      })
    )
  )

  it_("bounds what is in flight: one command more is refused at once", (redis) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { pool } = yield* running(redis.url, { size: 1, maxInFlight: 10 })
        yield* connected(pool)
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 50 }),
          () => Effect.exit(pool.send("PING")),
          {
            concurrency: "unbounded"
          }
        )
        const refused = outcomes.filter((exit) => exit._tag === "Failure")
        assert.isAtLeast(refused.length, 40)
        assert.isAtLeast(outcomes.length - refused.length, 9)
        assert.strictEqual(yield* pool.send("PING"), "PONG")
      })
    )
  )

  it_("bounds the size of what is in flight, other than of one large command alone", (redis) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { pool } = yield* running(redis.url, { size: 1, maxPending: 1_000 })
        yield* connected(pool)
        const large = "x".repeat(2_000)
        yield* Poll.until(Effect.as(pool.send("SET", "key", large), true))
        const outcomes = yield* Effect.forEach(
          ["a", "b", "c"],
          (key) => Effect.exit(pool.send("SET", key, "x".repeat(600))),
          { concurrency: "unbounded" }
        )
        assert.isAtLeast(outcomes.filter((exit) => exit._tag === "Failure").length, 2)
        assert.strictEqual(yield* pool.send("GET", "key"), large)
      })
    )
  )

  it_("waits for a Redis that is not there yet, and stops at once while it waits", (redis) =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* redis.kill9
        const { fiber, pool } = yield* running(redis.url)
        refusesAtOnce(pool)
        yield* redis.restart()
        yield* connected(pool)
        yield* redis.kill9
        yield* Poll.until(() => pool.connected() === 0)
        const started = performance.now()
        yield* Fiber.interrupt(fiber)
        assert.isBelow(performance.now() - started, 1_000)
      })
    )
  )

  it_(
    "comes back more and more rarely to a Redis that takes no connection, however much is asked of it",
    (redis) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { pool } = yield* running(redis.url, { size: 1 })
          yield* connected(pool)
          yield* redis.kill9
          const attempts = yield* Attempts.at(redis.port)
          yield* Poll.until(
            Effect.gen(function* () {
              yield* Effect.flip(pool.send("GET", "key"))
              return attempts.length >= 6
            }),
            { every: 1 }
          )
          // 100, 200, 400 and 800 ms lie between the second and the sixth at least, each up to a fifth less.
          assert.isAbove(attempts[5]! - attempts[1]!, 1_150)
        })
      )
  )

  it_("comes back more and more rarely to a Redis that takes its connections and drops them again", (redis) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { pool: witness } = yield* running(redis.url, { name: "witness", size: 1 })
        yield* connected(witness)
        const made = Effect.map(witness.send("INFO", "stats"), (text) =>
          Number(/^total_connections_received:(\d+)/m.exec(String(text))?.[1])
        )
        // Its ping is refused, so it cannot know whether Redis is there.
        yield* witness.send("ACL", "SETUSER", "mute", "on", "nopass", "~*", "&*", "+@all", "-ping")
        const before = yield* made
        const started = performance.now()
        yield* running(redis.url.replace("//", "//mute:any@"), { size: 1 })
        yield* Poll.until(Effect.map(made, (count) => count >= before + 6))
        // 100, 200, 400, 800 and 1600 ms lie between the first and the sixth at least, each up to a fifth less.
        assert.isAbove(performance.now() - started, 2_400)
      })
    )
  )

  it_("leaves no connection behind when it stops", (redis) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { fiber, pool } = yield* running(redis.url)
        const { pool: witness } = yield* running(redis.url, { name: "witness", size: 1 })
        yield* connected(pool)
        yield* connected(witness)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(pool.connected(), 0)
        yield* Poll.until(
          Effect.map(witness.send("CLIENT", "LIST"), (clients) => !String(clients).includes("main_pool"))
        )
      })
    )
  )
})
