import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { DeviceId, UserId } from "../../../src/domain/Ids.ts"
import { MessageQueueCache } from "../../../src/domain/ports/MessageQueueCache.ts"
import * as MemoryMessageQueueCache from "../../../src/layers/memory/MemoryMessageQueueCache.ts"
import * as Redis from "../../../src/layers/redis/Redis.ts"
import * as RedisMessageQueueCache from "../../../src/layers/redis/RedisMessageQueueCache.ts"
import { conversationId, userId } from "../../contract/Fixtures.ts"
import { contract, options } from "../../contract/MessageQueueCache.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisPools from "../../support/RedisPools.ts"
import * as RedisServer from "../../support/RedisServer.ts"

const redis = RedisPools.layer("queue")

contract("memory", MemoryMessageQueueCache.layer(options))
contract("Redis", RedisMessageQueueCache.layer(options).pipe(Layer.provide(redis)))

const phone = "phone" as DeviceId

describe("A queue in memory", () => {
  it.effect("goes when no device of its user came for its lifetime", () =>
    Effect.gen(function* () {
      const queue = yield* MessageQueueCache
      const user = userId()
      const { end } = yield* queue.open(user, phone, undefined)
      yield* TestClock.adjust(options.lifetime)
      assert.strictEqual((yield* queue.open(user, phone, end)).status, "lost")
    }).pipe(Effect.provide(MemoryMessageQueueCache.layer(options)))
  )
})

describe("A queue in Redis", () => {
  it.live("has a lifetime on every key, and is lost with Redis", () =>
    Effect.gen(function* () {
      const queue = yield* MessageQueueCache
      const server = yield* RedisServer.RedisServer
      const { queue: pool } = yield* Redis.Redis
      const user = userId()
      const { end } = yield* queue.open(user, phone, undefined)
      yield* queue.append([{ userId: user, conversationId: conversationId(), fromSeq: 1 }])
      const keys = (yield* pool.send("KEYS", "*")) as ReadonlyArray<string>
      assert.strictEqual(keys.length, 2)
      for (const key of keys) {
        const left = Number(yield* pool.send("PTTL", key))
        assert.isTrue(left > 0 && left <= options.lifetime, key)
      }
      yield* server.restart({ empty: true })
      yield* Poll.until(() => pool.isWhole())
      assert.strictEqual((yield* queue.open(user, phone, end)).status, "lost")
    }).pipe(Effect.provide(RedisMessageQueueCache.layer(options).pipe(Layer.provideMerge(redis))))
  )

  it.live("are counted by a sample where they are many, at a cost that does not grow with them", () =>
    Effect.gen(function* () {
      const { totals, open, append } = yield* MessageQueueCache
      const { queue: pool } = yield* Redis.Redis
      const users = Array.from({ length: 1_000 }, userId)
      const each = <A, E>(run: (user: UserId, i: number) => Effect.Effect<A, E>) =>
        Effect.forEach(users, run, { concurrency: 50, discard: true })
      yield* each((user) => open(user, phone, undefined))
      yield* append(
        users.flatMap((user) =>
          [1, 2].map((fromSeq) => ({ userId: user, conversationId: conversationId(), fromSeq }))
        )
      )
      yield* each((_, i) => pool.send("SET", `other ${i}`, "1", "EX", "60"))
      yield* each((_, i) => pool.send("SET", `another ${i}`, "1", "EX", "60"))
      const callsOf = (command: string) =>
        Effect.map(pool.send("INFO", "commandstats"), (text) =>
          Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(String(text))?.[1] ?? 0)
        )
      const before = yield* callsOf("xlen")
      const found = yield* totals
      assert.closeTo(found.users, 1_000, 300)
      assert.closeTo(found.entries, 2_000, 600)
      assert.isAtMost(yield* callsOf("scan"), 20)
      assert.isAtMost((yield* callsOf("xlen")) - before, 600)
    }).pipe(Effect.provide(RedisMessageQueueCache.layer(options).pipe(Layer.provideMerge(redis))))
  )
})
