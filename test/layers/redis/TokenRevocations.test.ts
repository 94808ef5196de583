import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, References } from "effect"
import { TestClock } from "effect/testing"
import type { Identity } from "../../../src/domain/Identity.ts"
import type { DeviceId, UserId } from "../../../src/domain/Ids.ts"
import { TokenRevocations } from "../../../src/domain/ports/TokenRevocations.ts"
import * as MemoryTokenRevocations from "../../../src/layers/memory/MemoryTokenRevocations.ts"
import * as Redis from "../../../src/layers/redis/Redis.ts"
import * as RedisTokenRevocations from "../../../src/layers/redis/RedisTokenRevocations.ts"
import { contract } from "../../contract/TokenRevocations.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisPools from "../../support/RedisPools.ts"
import * as RedisServer from "../../support/RedisServer.ts"

const lifetime = Duration.minutes(62)
const options = { lifetime, cacheTtl: Duration.minutes(1), whenDown: "closed" } as const

const redis = RedisPools.layer("main")

contract("memory", MemoryTokenRevocations.layer({ lifetime }))
contract("Redis", RedisTokenRevocations.layer(options).pipe(Layer.provide(redis)))

const identity = (userId = crypto.randomUUID()): Identity => ({
  userId: userId as UserId,
  deviceId: "phone" as DeviceId,
  tokenId: crypto.randomUUID(),
  trust: "normal",
  scopes: [],
  issuedAt: Date.now() - 60_000,
  expiresAt: Date.now() + 3_600_000
})

/** Another node's, over the same Redis. */
const node = (changes: Partial<RedisTokenRevocations.RedisRevocationOptions> = {}) =>
  Effect.map(
    Layer.build(Layer.fresh(RedisTokenRevocations.layer({ ...options, ...changes }))),
    (context) => context.mapUnsafe.get(TokenRevocations.key) as TokenRevocations["Service"]
  )

const revoke = (whose: Identity) => ({ kind: "user", user_id: whose.userId, before: Date.now() }) as const

describe("Revocations in Redis", () => {
  it.live("hold on a node that has just come, and there a used token stays used", () =>
    Effect.gen(function* () {
      const [here, there] = [yield* node(), yield* node()]
      const whose = identity()
      yield* here.revoke(revoke(whose))
      assert.deepInclude(yield* Effect.flip(there.check(whose)), { reason: "revoked" })
      yield* here.claim(whose)
      assert.deepInclude(yield* Effect.flip(there.claim(whose)), { reason: "replayed" })
    }).pipe(Effect.scoped, Effect.provide(redis))
  )

  it.live("are asked for once in a while, and at once when something was heard or may have been missed", () =>
    Effect.gen(function* () {
      const [here, there] = [yield* node(), yield* node()]
      const [heard, missed] = [identity(), identity()]
      yield* there.check(heard)
      yield* there.check(missed)
      yield* here.revoke(revoke(heard))
      yield* here.revoke(revoke(missed))
      // It has asked a moment ago, and heard nothing since.
      yield* there.check(heard)
      there.heard(revoke(heard))
      assert.deepInclude(yield* Effect.flip(there.check(heard)), { reason: "revoked" })
      yield* there.check(missed)
      there.inDoubt()
      assert.deepInclude(yield* Effect.flip(there.check(missed)), { reason: "revoked" })
    }).pipe(Effect.scoped, Effect.provide(redis))
  )

  it.live("do not take one token's answer for that of another with the same id", () =>
    Effect.gen(function* () {
      const [here, there] = [yield* node(), yield* node()]
      const innocent = identity()
      const revoked = { ...identity(), tokenId: innocent.tokenId }
      yield* here.revoke(revoke(revoked))
      yield* there.check(innocent)
      assert.deepInclude(yield* Effect.flip(there.check(revoked)), { reason: "revoked" })
    }).pipe(Effect.scoped, Effect.provide(redis))
  )

  it.live(
    "without Redis: young answers count, then the policy does; nothing is used or revoked unasked",
    () =>
      Effect.gen(function* () {
        const closed = yield* node()
        const impatient = yield* node({ cacheTtl: Duration.zero })
        const open = yield* node({ whenDown: "open" })
        const [known, stranger] = [identity(), identity()]
        yield* closed.check(known)
        yield* impatient.check(known)
        const server = yield* RedisServer.RedisServer
        yield* server.kill9
        yield* closed.check(known)
        for (const node of [closed, impatient]) {
          assert.strictEqual((yield* Effect.flip(node.check(stranger)))._tag, "Unavailable")
        }
        assert.strictEqual((yield* Effect.flip(impatient.check(known)))._tag, "Unavailable")
        yield* open.check(stranger)
        assert.strictEqual((yield* Effect.flip(open.confirm(stranger)))._tag, "Unavailable")
        assert.strictEqual((yield* Effect.flip(open.claim(stranger)))._tag, "Unavailable")
        assert.strictEqual((yield* Effect.flip(open.revoke(revoke(stranger))))._tag, "Unavailable")
        assert.isFalse(open.isKnown(stranger))
        yield* server.restart()
        yield* Poll.until(Effect.map(Effect.exit(closed.check(stranger)), (exit) => exit._tag === "Success"))
      }).pipe(Effect.scoped, Effect.provide(redis), Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.live(
    "are put back, by whoever knows of them, when Redis has lost them, for as long as they are needed",
    () =>
      Effect.gen(function* () {
        const here = yield* node()
        const [made, heard] = [identity(), identity()]
        yield* here.revoke(revoke(made))
        here.heard(revoke(heard))
        const server = yield* RedisServer.RedisServer
        yield* server.restart({ empty: true })
        yield* Poll.until(Effect.map(Effect.exit(here.restore), (exit) => exit._tag === "Success"))
        const later = yield* node()
        for (const whose of [made, heard]) {
          assert.deepInclude(yield* Effect.flip(later.check(whose)), { reason: "revoked" })
        }
        const { main } = yield* Redis.Redis
        const key = `messaging:revoked:user:{${heard.userId}}`
        const left = Number(yield* main.send("PTTL", key))
        assert.isAtMost(left, Duration.toMillis(lifetime))
        assert.isAbove(left, Duration.toMillis(lifetime) - 60_000)
        // Somebody else needs it for longer.
        yield* main.send("PEXPIRE", key, String(2 * Duration.toMillis(lifetime)))
        yield* here.restore
        assert.isAbove(Number(yield* main.send("PTTL", key)), Duration.toMillis(lifetime))
      }).pipe(Effect.scoped, Effect.provide(redis), Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.live("go when no token they mean can be valid any more", () =>
    Effect.gen(function* () {
      const here = yield* node()
      const whose = identity()
      yield* here.revoke(revoke(whose))
      yield* here.claim(whose)
      const { main } = yield* Redis.Redis
      for (const key of [
        `messaging:revoked:user:{${whose.userId}}`,
        `messaging:used:token:${whose.tokenId}`
      ]) {
        const left = Number(yield* main.send("PTTL", key))
        assert.isAtMost(left, Duration.toMillis(lifetime))
        assert.isAbove(left, Duration.toMillis(lifetime) - 60_000)
      }
    }).pipe(Effect.scoped, Effect.provide(redis))
  )
})

describe("Revocations in memory", () => {
  it.effect("are bounded: when full, the answer is overloaded, until some have gone", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.now())
      const tokens = yield* TokenRevocations
      const [a, b, c] = [identity(), identity(), identity()]
      yield* tokens.revoke(revoke(a))
      yield* tokens.revoke(revoke(b))
      assert.strictEqual((yield* Effect.flip(tokens.revoke(revoke(c))))._tag, "Overloaded")
      yield* tokens.claim(a)
      yield* tokens.claim(b)
      assert.strictEqual((yield* Effect.flip(tokens.claim(c)))._tag, "Overloaded")
      assert.isTrue(tokens.isKnown(a))
      yield* TestClock.adjust(Duration.sum(lifetime, Duration.seconds(1)))
      yield* tokens.revoke(revoke(c))
      yield* tokens.claim(c)
      assert.isFalse(tokens.isKnown(a))
    }).pipe(Effect.provide(MemoryTokenRevocations.layer({ lifetime, capacity: 2 })))
  )
})
