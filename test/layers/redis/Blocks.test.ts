import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { BLOCKS_TOPIC, type Block, Blocks, type Subject } from "../../../src/domain/ports/Blocks.ts"
import { Broker, type Publication } from "../../../src/domain/ports/Broker.ts"
import { wait } from "../../../src/domain/ports/RateLimiter.ts"
import * as MemoryBlocks from "../../../src/layers/memory/MemoryBlocks.ts"
import * as Redis from "../../../src/layers/redis/Redis.ts"
import * as RedisBlocks from "../../../src/layers/redis/RedisBlocks.ts"
import { blockedUntil, contract, someone } from "../../contract/Blocks.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisPools from "../../support/RedisPools.ts"
import * as RedisServer from "../../support/RedisServer.ts"

const MINUTE = 60_000
const maxSubjects = 1000

/** A broker that says to `tell` what is published, and does nothing else. */
const broker = (tell: (publication: Publication) => void = () => {}) =>
  Layer.succeed(Broker, { publish: tell } as Broker["Service"])

contract("memory", (lengths) => MemoryBlocks.layer({ lengths, maxSubjects }))
contract("Redis", (lengths) =>
  RedisBlocks.layer({ lengths, maxSubjects }).pipe(
    Layer.provide(broker()),
    Layer.provide(RedisPools.layer("main"))
  )
)

/** Another node's, over the same Redis. */
const node = (
  tell?: (publication: Publication) => void,
  lengths: ReadonlyArray<number> = [MINUTE, 2 * MINUTE]
) =>
  Layer.fresh(RedisBlocks.layer({ lengths, maxSubjects })).pipe(
    Layer.provide(broker(tell)),
    Layer.build,
    Effect.map((context) => Context.get(context, Blocks))
  )

const redis = RedisPools.layer("main")

describe("Blocks in Redis", () => {
  it.live(
    "hold on a node that has just come, and on others once they hear of them, until they hear of the end",
    () =>
      Effect.gen(function* () {
        const told: Array<Publication> = []
        const here = yield* node((publication) => told.push(publication))
        const there = yield* node()
        const changed: Array<Subject> = []
        there.onChange((subject) => changed.push(subject))
        const subject = someone()
        const hears = () => {
          const publication = told.pop()!
          assert.strictEqual(publication.topic, BLOCKS_TOPIC)
          there.heard(JSON.parse(publication.payload) as Block)
        }
        assert.isUndefined(yield* blockedUntil(there, subject))
        const { until } = yield* here.strike(subject, "messages")
        // It has asked a moment ago, and heard nothing since.
        assert.isUndefined(yield* blockedUntil(there, subject))
        assert.strictEqual(yield* blockedUntil(yield* node(), subject), until)
        hears()
        assert.strictEqual(yield* blockedUntil(there, subject), until)
        assert.deepStrictEqual(yield* there.strike(subject, "joins"), yield* here.find(subject))
        yield* here.lift(subject)
        hears()
        assert.isUndefined(yield* blockedUntil(there, subject))
        assert.deepStrictEqual(changed, [subject, subject, subject])
      }).pipe(Effect.scoped, Effect.provide(redis))
  )

  it.live("are asked for again where something may have been missed", () =>
    Effect.gen(function* () {
      const [here, there] = [yield* node(), yield* node()]
      const subject = someone()
      yield* wait(there.check(subject))
      const { until } = yield* here.strike(subject, "messages")
      yield* wait(there.check(subject))
      there.inDoubt()
      assert.strictEqual(yield* blockedUntil(there, subject), until)
    }).pipe(Effect.scoped, Effect.provide(redis))
  )

  it.live(
    "without Redis: who is known to be blocked stays so, a new block is this node's until Redis is told, nobody is lifted unasked",
    () =>
      Effect.gen(function* () {
        const here = yield* node()
        const [known, struck, stranger] = [someone(), someone(), someone()]
        const { until } = yield* here.strike(known, "messages")
        const server = yield* RedisServer.RedisServer
        yield* server.kill9
        assert.strictEqual(yield* blockedUntil(here, known), until)
        here.inDoubt()
        assert.strictEqual(yield* blockedUntil(here, known), until)
        assert.isUndefined(yield* blockedUntil(here, stranger))
        const block = yield* here.strike(struck, "joins")
        assert.deepInclude(block, { level: 1, rule: "joins" })
        assert.strictEqual(yield* blockedUntil(here, struck), block.until)
        for (const unanswered of [here.lift(known), here.list(10), here.find(known)]) {
          assert.strictEqual((yield* Effect.flip(Effect.asVoid(unanswered)))._tag, "Unavailable")
        }
        assert.strictEqual(yield* blockedUntil(here, known), until)
        yield* server.restart({ empty: true })
        yield* Poll.until(Effect.map(Effect.exit(here.find(stranger)), ({ _tag }) => _tag === "Success"))
        here.inDoubt()
        assert.strictEqual(yield* blockedUntil(here, struck), block.until)
        const there = yield* node()
        assert.strictEqual(yield* blockedUntil(there, struck), block.until)
        assert.deepStrictEqual(yield* there.list(10), [block])
        assert.deepInclude(yield* there.strike(struck, "messages"), block)
      }).pipe(Effect.scoped, Effect.provide(redis), Effect.provide(Logger.layer([])))
  )

  it.live(
    "outlast a Redis that comes back empty, until they are lifted, also on a node that missed that",
    () =>
      Effect.gen(function* () {
        const [here, there] = [yield* node(), yield* node()]
        const subject = someone()
        const { until } = yield* here.strike(subject, "messages")
        const server = yield* RedisServer.RedisServer
        yield* server.restart({ empty: true })
        yield* Poll.until(Effect.map(Effect.exit(here.find(subject)), ({ _tag }) => _tag === "Success"))
        here.inDoubt()
        assert.strictEqual(yield* blockedUntil(here, subject), until)
        assert.strictEqual(yield* blockedUntil(there, subject), until)
        yield* there.lift(subject)
        assert.strictEqual(yield* blockedUntil(here, subject), until, "it has heard nothing")
        here.inDoubt()
        assert.isUndefined(yield* blockedUntil(here, subject))
        assert.isUndefined(yield* here.find(subject))
      }).pipe(Effect.scoped, Effect.provide(redis), Effect.provide(Logger.layer([])))
  )

  it.live("leave the list when others come, though nobody asks for it", () =>
    Effect.gen(function* () {
      const fleeting = yield* node(undefined, [1])
      const { main } = yield* Redis.Redis
      for (let i = 0; i < 10; i++) yield* fleeting.strike(someone(), "messages")
      const { until } = yield* fleeting.strike(someone(), "messages")
      yield* Poll.until(() => Date.now() > until + 1)
      yield* (yield* node()).strike(someone(), "messages")
      assert.strictEqual(yield* main.send("ZCARD", "messaging:blocks"), 1)
    }).pipe(Effect.scoped, Effect.provide(redis))
  )

  it.live("leave when they make no further one longer", () =>
    Effect.gen(function* () {
      const here = yield* node()
      const subject = someone()
      yield* here.strike(subject, "messages")
      const { main } = yield* Redis.Redis
      const left = Number(yield* main.send("PTTL", `messaging:block:${subject}`))
      assert.isAtMost(left, 24 * 60 * MINUTE + MINUTE)
      assert.isAbove(left, 24 * 60 * MINUTE)
      assert.isAbove(Number(yield* main.send("PTTL", "messaging:blocks")), 0)
    }).pipe(Effect.scoped, Effect.provide(redis))
  )
})
