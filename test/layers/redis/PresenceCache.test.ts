/** The contract of the PresenceCache on both implementations, and what the one on Redis leaves there. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer } from "effect"
import type { DeviceId, UserId } from "../../../src/domain/Ids.ts"
import { PresenceCache } from "../../../src/domain/ports/PresenceCache.ts"
import * as MemoryPresenceCache from "../../../src/layers/memory/MemoryPresenceCache.ts"
import * as Redis from "../../../src/layers/redis/Redis.ts"
import * as RedisPresenceCache from "../../../src/layers/redis/RedisPresenceCache.ts"
import { presenceCacheContract } from "../../contract/PresenceCache.ts"
import * as RedisPools from "../../support/RedisPools.ts"

const onRedis = Effect.gen(function* () {
  const redis = RedisPools.layer("session")
  const context = yield* Layer.build(Layer.fresh(RedisPresenceCache.layer.pipe(Layer.provideMerge(redis))))
  return { cache: Context.get(context, PresenceCache), redis: Context.get(context, Redis.Redis).session }
})

presenceCacheContract(
  "memory",
  Effect.map(Layer.build(Layer.fresh(MemoryPresenceCache.layerShared)), (context) =>
    Context.get(context, PresenceCache)
  )
)
presenceCacheContract(
  "Redis",
  Effect.map(onRedis, ({ cache }) => cache)
)

describe("The PresenceCache on Redis", () => {
  it.live("leaves no key without an end", () =>
    Effect.gen(function* () {
      const { cache, redis } = yield* onRedis
      yield* cache.beat("a", Duration.minutes(1))
      const joins = [
        {
          userId: "u" as UserId,
          meta: { device_id: "d" as DeviceId, status: "online" as const, online_at: 1, phx_ref: "r" }
        }
      ]
      yield* cache.write("a", [{ topic: "x", joins, leaves: [] }])
      const keys = (yield* redis.send("KEYS", "*")) as ReadonlyArray<string>
      assert.deepStrictEqual([...keys].sort(), ["messaging:nodes", "messaging:presence:x"])
      for (const key of keys) assert.isAbove(Number(yield* redis.send("PTTL", key)), 0)
      yield* cache.write("a", [{ topic: "x", joins: [], leaves: ["r"] }])
      assert.deepStrictEqual(yield* redis.send("KEYS", "*:x"), [])
    })
  )
})
