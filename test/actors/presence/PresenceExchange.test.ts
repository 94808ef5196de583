/** Several nodes' presence in one process: each has its hub and tracker, and all share a cache and a way to tell. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as PresenceExchange from "../../../src/actors/presence/PresenceExchange.ts"
import * as PresenceTracker from "../../../src/actors/presence/PresenceTracker.ts"
import * as TopicHub from "../../../src/actors/topic/TopicHub.ts"
import { Unavailable } from "../../../src/domain/Errors.ts"
import type { DeviceId, UserId } from "../../../src/domain/Ids.ts"
import type { Diff, Presences } from "../../../src/domain/Presence.ts"
import { Broker, type Publication } from "../../../src/domain/ports/Broker.ts"
import { PresenceCache } from "../../../src/domain/ports/PresenceCache.ts"
import * as MemoryPresenceCache from "../../../src/layers/memory/MemoryPresenceCache.ts"

const user = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}` as UserId
const [alice, bob, carol] = [user(1), user(2), user(3)]
const phone = "phone" as DeviceId

/** What all nodes share, and how to take it from them. */
class World {
  readonly receivers = new Set<(publication: Publication) => void>()
  cache: PresenceCache["Service"]
  isDown = false
  /** What reads wait for. */
  reading: Effect.Effect<void> = Effect.void
  /** What writes wait for. */
  writing: Effect.Effect<void> = Effect.void
  writes = 0
  news = 0

  constructor(cache: PresenceCache["Service"]) {
    this.cache = cache
  }
}

const world = Effect.map(
  Layer.build(Layer.fresh(MemoryPresenceCache.layerShared)),
  (context) => new World(Context.get(context, PresenceCache))
)

const cacheOf = (world: World): PresenceCache["Service"] => {
  const reachable = <A>(use: (cache: PresenceCache["Service"]) => Effect.Effect<A, Unavailable>) =>
    Effect.suspend(() => (world.isDown ? Effect.fail(new Unavailable({ what: "redis" })) : use(world.cache)))
  return {
    isShared: true,
    beat: (node, lease) => reachable((cache) => cache.beat(node, lease)),
    leave: (node) => reachable((cache) => cache.leave(node)),
    write: (node, changes) => {
      world.writes++
      return Effect.andThen(
        world.writing,
        reachable((cache) => cache.write(node, changes))
      )
    },
    read: (topics) =>
      Effect.andThen(
        world.reading,
        reachable((cache) => cache.read(topics))
      ),
    sweep: reachable((cache) => cache.sweep)
  }
}

const brokerOf = (world: World): Broker["Service"] => ({
  publish: (publication) => {
    world.news++
    if (!world.isDown) for (const receive of world.receivers) receive(publication)
  },
  subscribe: () => {},
  heard: () => Effect.succeed(new Set<string>()),
  unsubscribe: () => {},
  onPublication: (receive) => void world.receivers.add(receive),
  onGap: () => {}
})

class Node {
  readonly tracker: PresenceTracker.PresenceTracker["Service"]
  readonly hub: TopicHub.TopicHub["Service"]
  readonly scope: Scope.Closeable
  readonly diffs: Array<Diff> = []

  constructor(
    context: Context.Context<PresenceTracker.PresenceTracker | TopicHub.TopicHub>,
    scope: Scope.Closeable
  ) {
    this.tracker = Context.get(context, PresenceTracker.PresenceTracker)
    this.hub = Context.get(context, TopicHub.TopicHub)
    this.scope = scope
    this.hub.subscribe("t", {
      deliver: ({ event, payload }) => {
        assert.strictEqual(event, "presence_diff", "nothing else reaches a subscriber")
        this.diffs.push(JSON.parse(payload))
      }
    })
  }

  track(userId: UserId) {
    return this.tracker.track("t", userId, phone, "online")
  }

  get shown(): ReadonlyArray<string> {
    const state = JSON.parse(this.tracker.stateJson("t")) as Presences
    return Object.entries(state)
      .map(
        ([key, { metas }]) => `${key.slice(-1)}${metas.some(({ stale }) => stale === true) ? " stale" : ""}`
      )
      .sort()
  }

  get leaves(): number {
    return this.diffs.flatMap(({ leaves }) => Object.keys(leaves)).length
  }
}

/** Starts a node. Its leaving is not heard when it is killed, which `kill` makes so. */
const start = Effect.fnUntraced(function* (world: World) {
  const scope = yield* Scope.make()
  const layer = PresenceExchange.layerWith({ lease: Duration.seconds(6) }).pipe(
    Layer.provideMerge(PresenceTracker.layer),
    Layer.provideMerge(TopicHub.layer),
    Layer.provide(Layer.succeed(Broker, brokerOf(world))),
    Layer.provide(Layer.succeed(PresenceCache, cacheOf(world)))
  )
  const context = yield* Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope)
  yield* Context.get(context, PresenceExchange.PresenceExchange).run.pipe(Effect.forkIn(scope))
  yield* TestClock.adjust("1 millis")
  return new Node(context, scope)
})

const stop = ({ scope }: Node) => Scope.close(scope, Exit.void)

/** It ends, and neither the cache nor a node hears of it. */
const kill = (world: World, node: Node) =>
  Effect.gen(function* () {
    world.isDown = true
    yield* stop(node)
    world.isDown = false
  })

const soon = TestClock.adjust("200 millis")

describe("PresenceExchange", () => {
  it.effect("shows each node's users on all nodes, and takes them away when they leave", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      const tracked = one.track(alice)
      two.track(bob)
      yield* soon
      assert.deepStrictEqual(
        [one.shown, two.shown],
        [
          ["1", "2"],
          ["1", "2"]
        ]
      )
      tracked.update("away")
      yield* soon
      const state = JSON.parse(two.tracker.stateJson("t")) as Presences
      assert.deepStrictEqual(
        state[alice]?.metas.map(({ status }) => status),
        ["away"]
      )
      tracked.untrack()
      yield* soon
      assert.deepStrictEqual(two.shown, ["2"])
    })
  )

  it.effect("has the first of a node wait for the others' users, and the next ones for nothing", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      one.track(alice)
      yield* soon
      const reading = yield* Deferred.make<void>()
      all.reading = Deferred.await(reading)
      two.track(bob)
      const seen: Array<ReadonlyArray<string>> = []
      two.tracker.whenWhole("t", () => seen.push(two.shown))
      yield* soon
      assert.deepStrictEqual(seen, [])
      yield* Deferred.succeed(reading, undefined)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(seen, [["1", "2"]])
      two.tracker.whenWhole("t", () => seen.push(two.shown))
      assert.strictEqual(seen.length, 2)
    })
  )

  it.effect("writes a storm of joins in a few commands, and tells it in as many", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      two.track(alice)
      yield* soon
      const { news, writes } = all
      for (let n = 10; n < 500; n++) one.track(user(n))
      yield* soon
      assert.strictEqual(two.shown.length, Object.keys(JSON.parse(one.tracker.stateJson("t"))).length)
      assert.isAtMost(all.writes - writes, 2)
      assert.isAtMost(all.news - news, 2)
    })
  )

  it.effect(
    "takes away a killed node's users when its lease ends, within 10 seconds, and nobody else's",
    () =>
      Effect.gen(function* () {
        const all = yield* world
        const [one, two, three] = [yield* start(all), yield* start(all), yield* start(all)]
        one.track(alice)
        two.track(bob)
        three.track(carol)
        yield* TestClock.adjust("20 seconds")
        yield* kill(all, one)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(two.shown, ["1", "2", "3"])
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual(
          [two.shown, three.shown],
          [
            ["2", "3"],
            ["2", "3"]
          ]
        )
        // Who starts now finds no ghost.
        const again = yield* start(all)
        again.track(carol)
        yield* soon
        assert.deepStrictEqual(again.shown, ["2", "3"])
      })
  )

  it.effect("takes a stopped node's users away without waiting for its lease", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      one.track(alice)
      two.track(bob)
      yield* TestClock.adjust("20 seconds")
      yield* stop(one)
      yield* TestClock.adjust("2100 millis")
      assert.deepStrictEqual(two.shown, ["2"])
    })
  )

  it.effect("marks others as stale while the cache is away, goes on itself, and heals without a leave", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      one.track(alice)
      two.track(bob)
      yield* TestClock.adjust("20 seconds")
      all.isDown = true
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(
        [one.shown, two.shown],
        [
          ["1", "2 stale"],
          ["1 stale", "2"]
        ]
      )
      assert.isTrue(one.tracker.isCut())
      one.track(carol)
      one.tracker.whenWhole("t", () => assert.deepStrictEqual(one.shown, ["1", "2 stale", "3"]))
      yield* soon
      // It comes back empty.
      all.cache = (yield* world).cache
      all.isDown = false
      yield* TestClock.adjust("4 seconds")
      assert.isTrue(one.tracker.isCut(), "who is not here yet may still come back")
      assert.deepStrictEqual(
        [one.shown, two.shown],
        [
          ["1", "2", "3"],
          ["1", "2", "3"]
        ]
      )
      yield* TestClock.adjust("20 seconds")
      assert.isFalse(one.tracker.isCut())
      assert.deepStrictEqual(
        [one.shown, two.shown],
        [
          ["1", "2", "3"],
          ["1", "2", "3"]
        ]
      )
      assert.deepStrictEqual([one.leaves, two.leaves], [0, 0])
    })
  )

  it.effect("waits for those who lost their leases together with it, and then for nobody", () =>
    Effect.gen(function* () {
      const all = yield* world
      const one = yield* start(all)
      const three = yield* start(all)
      // It beats a second after the first, which finds itself alone meanwhile.
      yield* TestClock.adjust("1 second")
      const two = yield* start(all)
      one.track(alice)
      two.track(bob)
      three.track(carol)
      yield* TestClock.adjust("20 seconds")
      yield* kill(all, three)
      all.cache = (yield* world).cache
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(one.shown, ["1", "2", "3"])
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(
        [one.shown, two.shown],
        [
          ["1", "2"],
          ["1", "2"]
        ]
      )
      const left = [one, two].map(({ diffs }) => diffs.flatMap(({ leaves }) => Object.keys(leaves)))
      assert.deepStrictEqual(left, [[carol], [carol]])
    })
  )

  it.effect("has who died while the cache was away leave once it is back", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      one.track(alice)
      const left = two.track(bob)
      two.track(carol)
      yield* TestClock.adjust("20 seconds")
      all.isDown = true
      yield* stop(one)
      left.untrack()
      two.track(user(4))
      yield* TestClock.adjust("10 seconds")
      all.isDown = false
      const three = yield* start(all)
      three.track(user(5))
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(
        [two.shown, three.shown],
        [
          ["3", "4", "5"],
          ["3", "4", "5"]
        ]
      )
    })
  )

  it.effect("keeps its lease while it writes everything again, however long that takes", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      one.track(alice)
      two.track(bob)
      for (let n = 0; n < 3_000; n++) one.tracker.track(`topic ${n}`, alice, phone, "online")
      yield* TestClock.adjust("20 seconds")
      // It comes back empty, and slow: all of it takes twice as long as the lease.
      all.cache = (yield* world).cache
      all.writing = Effect.sleep("2 seconds")
      yield* TestClock.adjust("30 seconds")
      const { writes } = all
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(all.writes, writes, "nothing is left to write")
      assert.deepStrictEqual(
        [one.shown, two.shown],
        [
          ["1", "2"],
          ["1", "2"]
        ]
      )
      assert.deepStrictEqual([one.leaves, two.leaves], [0, 0])
      assert.isFalse(one.tracker.isCut())
    })
  )

  it.effect("begins anew when it has lost its lease while it wrote everything again", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      one.track(alice)
      two.track(bob)
      yield* TestClock.adjust("20 seconds")
      all.cache = (yield* world).cache
      all.writing = Effect.sleep("5 seconds")
      yield* TestClock.adjust("3 seconds")
      // Once more, in the middle of that.
      all.cache = (yield* world).cache
      all.writing = Effect.void
      yield* TestClock.adjust("20 seconds")
      const three = yield* start(all)
      three.track(carol)
      yield* soon
      assert.deepStrictEqual(three.shown, ["1", "2", "3"])
      assert.deepStrictEqual([one.leaves, two.leaves], [0, 0])
    })
  )

  it.effect("reads again what may have been missed", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      two.track(bob)
      one.track(carol)
      yield* soon
      // One is deaf for a moment.
      const receivers = Array.from(all.receivers)
      all.receivers.clear()
      one.track(alice)
      yield* soon
      for (const receive of receivers) all.receivers.add(receive)
      assert.deepStrictEqual(two.shown, ["2", "3"])
      two.hub.inDoubt("t")
      yield* soon
      assert.deepStrictEqual(two.shown, ["1", "2", "3"])
    })
  )

  it.effect("forgets other nodes' users of a topic when its own last one leaves, and learns them again", () =>
    Effect.gen(function* () {
      const all = yield* world
      const [one, two] = [yield* start(all), yield* start(all)]
      const tracked = one.track(alice)
      two.track(bob)
      yield* soon
      tracked.untrack()
      yield* soon
      assert.strictEqual(one.tracker.stateJson("t"), "{}")
      assert.deepStrictEqual(two.shown, ["2"])
      one.track(carol)
      yield* soon
      assert.deepStrictEqual(
        [one.shown, two.shown],
        [
          ["2", "3"],
          ["2", "3"]
        ]
      )
    })
  )
})
