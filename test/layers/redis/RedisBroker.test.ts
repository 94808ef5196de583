/** The Broker's contract on both implementations, and what the one on Redis does when Redis fails it. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Metric } from "effect"
import { Redis as Client } from "ioredis"
import { Broker } from "../../../src/domain/ports/Broker.ts"
import * as MemoryBroker from "../../../src/layers/memory/MemoryBroker.ts"
import { brokerContract, Node, publication, subscribe } from "../../contract/Broker.ts"
import { node, nodes, unheard } from "../../support/Brokers.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisServer from "../../support/RedisServer.ts"

const memory = (count: number) =>
  Effect.forEach(Array.from({ length: count }), () =>
    Effect.map(
      Layer.build(Layer.fresh(MemoryBroker.layer)),
      (context) => new Node(Context.get(context, Broker))
    )
  )

const onRedis = Effect.fnUntraced(function* (count: number) {
  const redis = yield* RedisServer.make()
  return yield* nodes(redis.url, count)
})

const inFlight = Effect.map(Metric.snapshot, (snapshots) => {
  const found = snapshots.find(({ id }) => id === "redis_commands_in_flight")
  assert.strictEqual(found?.type, "Gauge")
  return Number(found?.type === "Gauge" ? found.state.value : Number.NaN)
})

brokerContract("memory", memory, false)
brokerContract("Redis", onRedis, true)

describe("The Redis broker", () => {
  it.live("serves its own node while Redis is gone, subscribes again, and puts every topic in doubt", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const [{ connection, node: here }, { node: there }] = [yield* node(redis.url), yield* node(redis.url)]
      for (const topic of ["a", "b"]) yield* subscribe(there, topic)
      yield* subscribe(here, "a")
      yield* redis.kill9
      yield* Poll.until(() => !connection.isConnected)
      here.broker.publish(publication("a", { payload: "local" }))
      assert.deepStrictEqual(here.payloads, ["local"])
      here.broker.subscribe("c")
      here.broker.unsubscribe("a")

      const before = there.doubts.length
      yield* redis.restart({ empty: true })
      yield* Poll.until(() => ["a", "b"].every((topic) => there.doubts.slice(before).includes(topic)))
      yield* Poll.until(() => here.doubts.includes("c"))
      there.broker.publish(publication("c", { payload: "to here" }))
      here.broker.publish(publication("b", { payload: "to there" }))
      yield* Poll.until(() => there.payloads.includes("to there") && here.payloads.includes("to here"))
      assert.isFalse(
        there.payloads.includes("local"),
        "what was published meanwhile is for storage to repair"
      )
    })
  )

  it.live("makes other nodes compare with storage when only this one was cut off", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const [{ connection }, { connection: untouched, node: there }] = [
        yield* node(redis.url),
        yield* node(redis.url)
      ]
      for (const topic of ["a", "b"]) yield* subscribe(there, topic)
      const before = there.doubts.length
      connection.drop()
      yield* Poll.until(() => there.doubts.length >= before + 2)
      assert.deepStrictEqual(there.doubts.slice(before).sort(), ["a", "b"])
      assert.isTrue(untouched.isConnected)
    })
  )

  it.live("drops a connection that takes nothing any more, and comes back with a new one", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const { connection, node: here } = yield* node(redis.url)
      yield* subscribe(here, "a")
      const before = here.doubts.length
      yield* redis.stop
      const large = publication("a", { payload: `"${"x".repeat(10_000_000)}"` })
      for (let i = 0; i < 8; i++) here.broker.publish(large)
      assert.strictEqual(here.got.length, 8)
      assert.isBelow(yield* inFlight, 8)
      yield* Poll.until(() => !connection.isConnected)
      yield* redis.cont
      yield* Poll.until(() => connection.isConnected && here.doubts.length > before)
    })
  )

  it.live("says that Redis forbids it to listen, and listens once it may", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const admin = yield* Effect.acquireRelease(
        Effect.sync(() => new Client(redis.url)),
        (client) => Effect.sync(() => client.disconnect())
      )
      const user = (...rules: ReadonlyArray<string>) =>
        Effect.promise(() =>
          admin.acl("SETUSER", "some", "on", "nopass", "~*", "resetchannels", "+@all", ...rules)
        )
      yield* user()
      const { connection: pubsub, node: here } = yield* unheard(redis.url.replace("//", "//some:any@"))
      here.broker.subscribe("a")
      yield* Poll.until(() => pubsub.isConnected && !pubsub.isAllowed)
      assert.deepStrictEqual(here.doubts, [])
      // Topics alone are not all of it: it would not hear of gaps.
      yield* user("&messaging:topic:*")
      yield* Poll.until(() => here.doubts.includes("a"), { deadline: 20_000 })
      assert.isFalse(pubsub.isAllowed)
      yield* user("&messaging:*")
      yield* Poll.until(() => pubsub.isAllowed, { deadline: 20_000 })
      yield* Effect.promise(() => admin.publish("messaging:gap", "another node"))
      const before = here.doubts.length
      yield* Poll.until(() => here.doubts.length > before)
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )

  it.live("subscribes to many topics at once, and again after an outage", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const [{ node: here }, { node: there }] = [yield* node(redis.url), yield* node(redis.url)]
      const topics = Array.from({ length: 5_000 }, (_, i) => `topic ${i}`)
      for (const topic of topics) there.broker.subscribe(topic)
      yield* Poll.until(() => new Set(there.doubts).size === topics.length)
      const before = there.doubts.length
      yield* redis.kill9
      yield* redis.restart()
      yield* Poll.until(() => new Set(there.doubts.slice(before)).size === topics.length)
      const last = publication(topics.at(-1)!)
      yield* Poll.until(() => {
        here.broker.publish(last)
        return there.got.length > 0
      })
    })
  )
})
