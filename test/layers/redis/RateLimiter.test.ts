import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { credit, RateLimiter } from "../../../src/domain/ports/RateLimiter.ts"
import * as MemoryRateLimiter from "../../../src/layers/memory/MemoryRateLimiter.ts"
import { Redis } from "../../../src/layers/redis/Redis.ts"
import * as RedisRateLimiter from "../../../src/layers/redis/RedisRateLimiter.ts"
import { contract, fresh, isTaken } from "../../contract/RateLimiter.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisPools from "../../support/RedisPools.ts"
import * as RedisServer from "../../support/RedisServer.ts"

const HOUR = 3_600_000
const options = { maxSubjects: 1000 }

const redisOf = (url: string) => RedisPools.at(url, "main", { connections: 1 })

contract("memory", MemoryRateLimiter.layer(options))
contract(
  "Redis",
  RedisRateLimiter.layer(options).pipe(Layer.provide(RedisPools.layer("main", { connections: 1 })))
)

/** A node's limiter, which has said that it is there, as the so many-th, and has heard of those before it. */
const node = Effect.fnUntraced(function* (url: string, count: number) {
  const context = yield* Layer.build(Layer.provideMerge(RedisRateLimiter.layer(options), redisOf(url)))
  yield* Effect.forkScoped(Context.get(context, RedisRateLimiter.RateLimiterLoop).run)
  const { main } = Context.get(context, Redis)
  // Asked over the one connection by which the node learns it, and so answered after that.
  yield* Poll.until(Effect.map(main.send("ZCARD", "messaging:limit-nodes"), (known) => known === count))
  return { limiter: Context.get(context, RateLimiter), pool: main }
})

describe("RedisRateLimiter on two nodes", () => {
  const inSilence = Effect.provide(Logger.layer([]))

  it.live("counts as one what is taken on both", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const [first, second] = [yield* node(url, 1), yield* node(url, 2)]
      for (const max of [6, 100]) {
        const limit = { scope: fresh(), max, windowMs: HOUR }
        const budgets = [first, second].map(({ limiter }) => limiter.budget(limit))
        let taken = 0
        for (let i = 0; i < 3 * max; i++) if (yield* isTaken(budgets[i % 2]!, "a")) taken++
        assert.isAtLeast(taken, Math.floor(0.9 * max))
        assert.isAtMost(taken, max + 2 * credit(max))
      }
    }).pipe(Effect.scoped, inSilence)
  )

  it.live("lets each node give out its share while Redis is gone, and counts it when Redis is back", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const second = yield* node(server.url, 1)
      const first = yield* node(server.url, 2)
      const limit = { scope: fresh(), max: 100, windowMs: HOUR }
      const [mine, other] = [first.limiter.budget(limit), second.limiter.budget(limit)]
      assert.isTrue(yield* isTaken(mine, "before"))
      yield* server.kill9
      let taken = 0
      for (let i = 0; i < 200; i++) if (yield* isTaken(mine, "a")) taken++
      assert.strictEqual(taken, 50)
      yield* server.restart({ empty: true })
      // Each comes back in its own time, and one that is not back yet gives out a share of its own.
      yield* Poll.until(() => first.pool.isWhole() && second.pool.isWhole(), { what: "Redis, for both" })
      // The first node's units are told with its next question, which the refused ones cause.
      yield* Poll.until(
        Effect.gen(function* () {
          if (yield* isTaken(mine, "a")) taken++
          return taken > 50
        }),
        { deadline: 30_000 }
      )
      yield* Poll.until(
        Effect.gen(function* () {
          if (yield* isTaken(other, "a")) taken++
          return other.standing("a").remaining === 0
        }),
        { every: 1, deadline: 30_000 }
      )
      for (let i = 0; i < 100; i++) if (yield* isTaken(mine, "a")) taken++
      assert.isAtLeast(taken, 90)
      assert.isAtMost(taken, 100 + 2 * credit(100))
    }).pipe(Effect.scoped, inSilence)
  )
})
