import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import type { DeviceId, SessionId, UserId } from "../../../src/domain/Ids.ts"
import { SessionCache } from "../../../src/domain/ports/SessionCache.ts"
import * as MemorySessionCache from "../../../src/layers/memory/MemorySessionCache.ts"
import * as Redis from "../../../src/layers/redis/Redis.ts"
import * as RedisSessionCache from "../../../src/layers/redis/RedisSessionCache.ts"
import { contract } from "../../contract/SessionCache.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisPools from "../../support/RedisPools.ts"

const redis = RedisPools.layer("session")

contract("memory", (lease) => MemorySessionCache.layer({ lease }))
contract("Redis", (lease) => RedisSessionCache.layer({ lease }).pipe(Layer.provide(redis)))

describe("Sessions in Redis", () => {
  it.live("leave no key behind", () =>
    Effect.gen(function* () {
      const cache = yield* SessionCache
      const { session: pool } = yield* Redis.Redis
      const connected = {
        userId: crypto.randomUUID() as UserId,
        sessionId: crypto.randomUUID() as SessionId,
        deviceId: "phone" as DeviceId,
        tokenId: "t",
        address: "192.0.2.1",
        connectedAt: 1
      }
      const limits = { devices: 1, connections: 1, perAddress: 1 }
      yield* cache.open(connected, limits)
      assert.strictEqual(yield* pool.send("DBSIZE"), 3)
      yield* cache.close(connected)
      assert.strictEqual(yield* pool.send("DBSIZE"), 0)
      yield* cache.open(connected, limits)
      yield* Poll.until(Effect.map(pool.send("DBSIZE"), (size) => size === 0))
    }).pipe(
      Effect.provide(RedisSessionCache.layer({ lease: Duration.seconds(3) }).pipe(Layer.provideMerge(redis)))
    )
  )
})
