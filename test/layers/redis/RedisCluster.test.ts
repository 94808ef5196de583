/** Pools and publish/subscribe on a Redis Cluster whose slots move under load, and whose first master dies. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Logger, Redacted } from "effect"
import { slotOf } from "../../../src/layers/redis/KeySlot.ts"
import * as RedisPool from "../../../src/layers/redis/RedisPool.ts"
import * as RedisScript from "../../../src/layers/redis/RedisScript.ts"
import { publication, subscribe } from "../../contract/Broker.ts"
import * as Attempts from "../../support/Attempts.ts"
import * as Brokers from "../../support/Brokers.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisCluster from "../../support/RedisCluster.ts"

const running = Effect.fnUntraced(function* (url: string) {
  const pool = yield* RedisPool.make({
    name: "main_pool",
    url: Redacted.make(url),
    size: 2,
    connectTimeout: Duration.seconds(1),
    commandTimeout: Duration.seconds(1),
    maxInFlight: 1000,
    maxPending: 1_000_000
  })
  const fiber = yield* Effect.forkScoped(pool.run)
  yield* Poll.until(() => pool.isWhole(), { what: "connections to all masters" })
  return { pool, fiber }
})

const it_ = (
  name: string,
  body: (cluster: RedisCluster.RedisCluster) => Effect.Effect<unknown, unknown, never>
) =>
  it.live(name, () =>
    Effect.scoped(Effect.flatMap(RedisCluster.make, body)).pipe(Effect.provide(Logger.layer([])))
  )

const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`)

describe("A pool on a Redis Cluster", () => {
  it_(
    "finds all masters, sends each command to its key's, and asks each what is its own",
    ({ masters, url }) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { fiber, pool } = yield* running(url)
          assert.strictEqual(pool.size(), 6)
          yield* Effect.forEach(keys, (key) => pool.send("SET", key, key), { concurrency: "unbounded" })
          const sizes = yield* Effect.forEach(pool.servers(), ({ send }) => send("DBSIZE"))
          assert.strictEqual(sizes.length, 3)
          assert.strictEqual(
            sizes.reduce<number>((sum, size) => sum + Number(size), 0),
            keys.length
          )
          const append = RedisScript.make(pool, "return redis.call('APPEND', KEYS[1], ARGV[1])")
          for (const key of keys) assert.strictEqual(yield* append([key], ["!"]), key.length + 1)
          assert.strictEqual(pool.keys("probe").length, 3)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(pool.connected(), 0)
          for (const { call } of masters) {
            yield* Poll.until(
              Effect.map(call("CLIENT", "LIST"), (clients) => !String(clients).includes("main_pool"))
            )
          }
        })
      )
  )

  it_("follows a slot while it moves and when it has moved, to a master that it knew or not", (cluster) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { pool } = yield* running(cluster.url)
        const [first, last] = ["{moving} 1", "{moving} 2"]
        yield* pool.send("SET", first, "a")
        const from = cluster.ownerOf(first)
        const to = cluster.masters.find((each) => each !== from)!
        const move = yield* cluster.beginMove(slotOf(first), from, to)
        yield* move.moveKeys
        // Both are at the new master now, as far as they are anywhere; the slot is still the old one's.
        assert.strictEqual(yield* pool.send("GET", first), "a")
        yield* pool.send("SET", last, "b")
        const append = RedisScript.make(pool, "return redis.call('APPEND', KEYS[1], ARGV[1])")
        assert.strictEqual(yield* append([first], ["!"]), 2)
        assert.strictEqual(yield* to.call("CLUSTER", "COUNTKEYSINSLOT", slotOf(first)), 2)
        yield* move.finish
        assert.strictEqual(yield* pool.send("GET", last), "b")
        assert.strictEqual(yield* pool.send("GET", first), "a!")
        // What it was told it keeps in mind: the old master sends nobody on any more.
        const moved = Effect.map(from.call("INFO", "errorstats"), (text) =>
          Number(/errorstat_MOVED:count=(\d+)/.exec(String(text))?.[1] ?? 0)
        )
        yield* Poll.until(
          Effect.gen(function* () {
            const before = yield* moved
            yield* pool.send("GET", first)
            return (yield* moved) === before
          }),
          { what: "the slot's new place to be known" }
        )
      })
    )
  )

  it_(
    "loses a master: what is on the others goes on, the rest is unavailable at once, until the replica has it",
    (cluster) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { pool } = yield* running(cluster.url)
          const [lost, kept] = [
            keys.find((key) => cluster.ownerOf(key) === cluster.masters[0])!,
            keys.find((key) => cluster.ownerOf(key) === cluster.masters[1])!
          ]
          for (const { call } of cluster.masters)
            yield* call("CONFIG", "SET", "cluster-require-full-coverage", "no")
          for (const key of [lost, kept]) yield* pool.send("SET", key, "value")
          yield* Poll.until(
            Effect.map(cluster.replica.call("INFO", "keyspace"), (text) => String(text).includes("db0:keys="))
          )
          yield* cluster.masters[0].server.kill9
          yield* Poll.until(() => !pool.isWhole())
          const attempts = yield* Attempts.at(cluster.masters[0].server.port)
          const started = performance.now()
          let refused = 0
          while (refused < 200) {
            // Until the replica is the master, which takes longer than a second.
            if ((yield* Effect.exit(pool.send("GET", lost)))._tag === "Success") break
            refused++
            assert.strictEqual(yield* pool.send("GET", kept), "value")
          }
          const passed = performance.now() - started
          assert.isAbove(refused, 10)
          assert.isBelow(passed / refused, 100)
          // Two connections, each with pauses that double, whatever was asked meanwhile; and the replica, every second.
          assert.isAtMost(attempts.length, 2 * (2 + Math.log2(1 + passed / 80)) + passed / 1_000 + 2)
          yield* Poll.until(
            Effect.map(pool.send("GET", lost), (value) => value === "value"),
            { what: "the replica to be the master" }
          )
          yield* Poll.until(() => pool.isWhole())
        })
      )
  )

  it_("starts before the cluster, and knows it again when all of it was away", ({ masters, replica, url }) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { pool } = yield* running(url)
        yield* pool.send("SET", "key", "value")
        yield* Effect.forEach([...masters, replica], ({ server }) => server.kill9, { discard: true })
        yield* Poll.until(() => pool.connected() === 0)
        const started = performance.now()
        yield* Effect.flip(pool.send("GET", "key"))
        assert.isBelow(performance.now() - started, 500)
        const late = yield* Effect.forkScoped(running(url))
        yield* Effect.forEach([...masters, replica], ({ server }) => server.restart(), {
          concurrency: "unbounded",
          discard: true
        })
        yield* Poll.until(
          Effect.map(pool.send("GET", "key"), (value) => value === "value"),
          { what: "the pool to be back" }
        )
        assert.strictEqual(yield* (yield* Fiber.join(late)).pool.send("GET", "key"), "value")
      })
    )
  )
})

const topics = Array.from({ length: 40 }, (_, i) => `topic ${i}`)
const channelOf = (topic: string) => `messaging:topic:${topic}`

describe("The broker on a Redis Cluster", () => {
  it_("follows a topic whose slot has moved, and puts it in doubt there", (cluster) =>
    Effect.scoped(
      Effect.gen(function* () {
        const [{ node: here }, { node: there }] = [
          yield* Brokers.node(cluster.url),
          yield* Brokers.node(cluster.url)
        ]
        yield* subscribe(there, "moving")
        yield* subscribe(there, "staying")
        const slot = slotOf(channelOf("moving"))
        const from = cluster.ownerOf(channelOf("moving"))
        const to = cluster.masters.find((each) => each !== from)!
        for (const [source, target] of [
          [from, to],
          [to, from]
        ] as const) {
          const before = there.doubts.length
          const { finish } = yield* cluster.beginMove(slot, source, target)
          yield* finish
          yield* Poll.until(() => there.doubts.slice(before).includes("moving"), {
            what: "the topic to be in doubt at its new place"
          })
          const got = there.got.length
          here.broker.publish(publication("moving"))
          yield* Poll.until(() => there.got.length === got + 1)
        }
      })
    )
  )

  it_(
    "survives the death of a master under load: what was lost is in doubt afterwards, and the rest arrives",
    (cluster) =>
      Effect.scoped(
        Effect.gen(function* () {
          const [{ node: here, connection }, { node: there }] = [
            yield* Brokers.node(cluster.url),
            yield* Brokers.node(cluster.url)
          ]
          for (const topic of topics) yield* subscribe(there, topic)
          let seq = 0
          const publishing = yield* Effect.forkScoped(
            Effect.forever(
              Effect.andThen(
                Effect.sync(() => {
                  seq++
                  for (const topic of topics) here.broker.publish(publication(topic, { seq }))
                }),
                Effect.sleep(10)
              )
            )
          )
          yield* Poll.until(() => there.got.length > 20 * topics.length)
          const doubts = there.doubts.length
          yield* cluster.masters[0].server.kill9
          yield* Poll.until(() => !connection.isConnected)
          yield* Poll.until(() => connection.isConnected, { what: "the replica to be the master" })
          // Everything that may have been lost is in doubt after it was: those who compare with storage miss nothing.
          const lastSeen = () => new Map(there.got.map(({ seq, topic }) => [topic, seq]))
          yield* Poll.until(() => new Set(there.doubts.slice(doubts)).size === topics.length, {
            what: "all topics in doubt"
          })
          const mark = seq
          yield* Poll.until(() => topics.every((topic) => Number(lastSeen().get(topic) ?? 0) > mark), {
            what: "all topics to go on"
          })
          yield* Fiber.interrupt(publishing)
        })
      )
  )

  it_("puts everything in doubt when publications were refused, although no connection was lost", (cluster) =>
    Effect.scoped(
      Effect.gen(function* () {
        const [{ node: here }, { node: there }] = [
          yield* Brokers.node(cluster.url),
          yield* Brokers.node(cluster.url)
        ]
        const slot = slotOf(channelOf("nowhere"))
        const owner = cluster.ownerOf(channelOf("nowhere"))
        const other = topics.find((topic) => cluster.ownerOf(channelOf(topic)) !== owner)!
        yield* subscribe(there, other)
        const doubts = there.doubts.length
        const all = [...cluster.masters, cluster.replica]
        yield* Effect.forEach(all, ({ call }) => call("CLUSTER", "DELSLOTS", slot), { discard: true })
        here.broker.publish(publication("nowhere"))
        yield* Effect.forEach(cluster.masters, ({ call }) =>
          Poll.until(
            Effect.map(call("CLUSTER", "INFO"), (info) => String(info).includes("cluster_state:fail"))
          )
        )
        assert.strictEqual(there.doubts.length, doubts)
        yield* owner.call("CLUSTER", "ADDSLOTS", slot)
        yield* Poll.until(() => there.doubts.length > doubts, {
          what: "the topic of another master in doubt"
        })
        assert.strictEqual(there.doubts.at(-1), other)
      })
    )
  )
})
