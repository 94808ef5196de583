import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ADDRESS_LIFETIME, NodeAddresses } from "../../../src/domain/ports/NodeAddresses.ts"
import * as MemoryNodeAddresses from "../../../src/layers/memory/MemoryNodeAddresses.ts"
import { Redis } from "../../../src/layers/redis/Redis.ts"
import * as RedisNodeAddresses from "../../../src/layers/redis/RedisNodeAddresses.ts"
import { contract } from "../../contract/NodeAddresses.ts"
import * as RedisPools from "../../support/RedisPools.ts"

const redis = RedisPools.layer("session")
const here = { host: "127.0.0.1", port: 4000 }

contract("memory", MemoryNodeAddresses.layer)
contract("Redis", RedisNodeAddresses.layer.pipe(Layer.provide(redis)))

describe("An address that is not announced again is forgotten", () => {
  it.effect("in memory", () =>
    Effect.gen(function* () {
      const addresses = yield* NodeAddresses
      yield* addresses.announce("one", here)
      yield* TestClock.adjust(ADDRESS_LIFETIME - 1)
      assert.isDefined(yield* addresses.find("one"))
      yield* TestClock.adjust(1)
      assert.isUndefined(yield* addresses.find("one"))
    }).pipe(Effect.provide(MemoryNodeAddresses.layer))
  )

  it.live("in Redis", () =>
    Effect.gen(function* () {
      const addresses = yield* NodeAddresses
      const { session } = yield* Redis
      yield* addresses.announce("one", here)
      const left = Number(yield* session.send("PTTL", "messaging:node:one"))
      assert.isAbove(left, ADDRESS_LIFETIME - 10_000)
      assert.isAtMost(left, ADDRESS_LIFETIME)
    }).pipe(Effect.provide(RedisNodeAddresses.layer.pipe(Layer.provideMerge(redis))))
  )
})
