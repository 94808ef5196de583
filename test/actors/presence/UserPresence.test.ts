/** Watch lists over one node's presence: when they look again, whom they forget, and what they tell how often. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { watchDoubted } from "../../../src/actors/conversation/ConversationEvents.ts"
import * as PresenceTracker from "../../../src/actors/presence/PresenceTracker.ts"
import * as UserPresence from "../../../src/actors/presence/UserPresence.ts"
import * as TopicHub from "../../../src/actors/topic/TopicHub.ts"
import * as LastSeen from "../../../src/actors/user/LastSeen.ts"
import { RateLimited, Unavailable } from "../../../src/domain/Errors.ts"
import type { Identity } from "../../../src/domain/Identity.ts"
import type { DeviceId, UserId } from "../../../src/domain/Ids.ts"
import { Admission } from "../../../src/domain/ports/Admission.ts"
import { ConversationStore } from "../../../src/domain/ports/ConversationStore.ts"
import { LastSeenStore, type LastSeen as Stored } from "../../../src/domain/ports/LastSeenStore.ts"
import type { UserPresence as Shown } from "../../../src/domain/UserPresence.ts"
import * as MemoryBroker from "../../../src/layers/memory/MemoryBroker.ts"
import * as MemoryPresenceCache from "../../../src/layers/memory/MemoryPresenceCache.ts"
import * as NoLimits from "../../support/NoLimits.ts"

const user = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}` as UserId
const [alice, bob, carol, mallory] = [user(1), user(2), user(3), user(4)]
const phone = "phone" as DeviceId
const viewer: Identity = {
  userId: alice,
  deviceId: phone,
  tokenId: "token",
  trust: "normal",
  scopes: [],
  issuedAt: 0,
  expiresAt: 3_600_000
}

/** What the database says. */
class World {
  readonly friends = new Set([alice, bob, carol])
  readonly hiding = new Set<UserId>()
  readonly seenAt = new Map<UserId, number>()
  isDown = false
  /** What its answers about users wait for. */
  reading: Effect.Effect<void> = Effect.void
  asked = 0
  readonly charged: Array<string> = []
  limit: RateLimited | undefined

  #answer<A>(answer: () => A): Effect.Effect<A, Unavailable> {
    return Effect.suspend(() =>
      this.isDown ? Effect.fail(new Unavailable({ what: "database" })) : Effect.sync(answer)
    )
  }

  readonly layer = Layer.merge(
    Layer.mock(ConversationStore, {
      advance: () => {},
      sharing: (_, userIds) => {
        this.asked++
        return this.#answer(() => userIds.filter((userId) => this.friends.has(userId)))
      }
    }),
    Layer.mock(LastSeenStore, {
      of: (userId) =>
        Effect.andThen(
          this.reading,
          this.#answer((): Stored => ({ at: this.seenAt.get(userId), isHidden: this.hiding.has(userId) }))
        )
    })
  )
}

const start = Effect.gen(function* () {
  const world = new World()
  const context = yield* Layer.build(
    UserPresence.layer({ maxWatched: 3 }).pipe(
      Layer.provideMerge(LastSeen.layer({ interval: Duration.minutes(1), capacity: 10 })),
      Layer.provideMerge(PresenceTracker.layer),
      Layer.provideMerge(TopicHub.layer),
      Layer.provide(MemoryBroker.layer),
      Layer.provide(MemoryPresenceCache.layer),
      Layer.provide(world.layer),
      Layer.provide(
        Layer.succeed(Admission, {
          ...NoLimits.admission,
          act: (_, action, units = 1) => {
            world.charged.push(`${action} ${units}`)
            return world.limit === undefined ? Result.succeed(undefined) : Result.fail(world.limit)
          }
        })
      )
    )
  )
  return yield* Effect.gen(function* () {
    const tracker = yield* PresenceTracker.PresenceTracker
    const hub = yield* TopicHub.TopicHub
    const presence = yield* UserPresence.UserPresence
    const told: Array<Shown> = []
    const socket = { takes: true }
    const list = yield* presence.watch(viewer, (one) => {
      if (socket.takes) told.push(one)
      return socket.takes
    })
    const arrive = (userId: UserId) => tracker.track(`user:${userId}`, userId, phone, "online")
    return { world, tracker, hub, presence, told, socket, list, arrive }
  }).pipe(Effect.provideContext(context))
})

const soon = TestClock.adjust("300 millis")

const is = (user_id: UserId, status: Shown["status"], last_seen: number | null = null): Shown => ({
  user_id,
  status,
  last_seen: last_seen === null ? null : new Date(last_seen).toISOString()
})

describe("UserPresence", () => {
  it.effect("has in its answer what changes while it is made, and tells it no second time", () =>
    Effect.gen(function* () {
      const { arrive, list, told, world } = yield* start
      yield* list.replace([bob])
      const reading = yield* Deferred.make<void>()
      world.reading = Deferred.await(reading)
      const answering = yield* Effect.forkChild(list.replace([bob, carol, mallory]))
      yield* soon
      arrive(bob)
      yield* soon
      yield* Deferred.succeed(reading, undefined)
      assert.deepStrictEqual(yield* Fiber.join(answering), [is(bob, "online"), is(carol, "offline")])
      yield* soon
      assert.isEmpty(told)
      arrive(bob).untrack()
      yield* soon
      assert.isEmpty(told, "a further device that came and went changes nothing")
    })
  )

  it.effect("keeps the former list where a new one cannot be made, and misses nothing of it", () =>
    Effect.gen(function* () {
      const { arrive, list, told, tracker, world } = yield* start
      yield* list.replace([bob])
      world.isDown = true
      assert.strictEqual((yield* Effect.flip(list.replace([carol])))._tag, "Unavailable")
      assert.strictEqual((yield* Effect.flip(list.replace([1, 2, 3, 4].map(user))))._tag, "InvalidInput")
      arrive(carol)
      const device = arrive(bob)
      yield* soon
      assert.deepStrictEqual(told, [is(bob, "online")])
      // Nobody can say when he was last seen; as soon as somebody can, it is told.
      device.untrack()
      yield* soon
      assert.deepStrictEqual(told.slice(1), [is(bob, "offline")])
      world.isDown = false
      yield* TestClock.adjust("20 seconds")
      assert.lengthOf(told, 3)
      assert.isNotNull(told[2]?.last_seen)
      assert.isFalse(tracker.isFollowed(`user:${mallory}`))
      list.close()
      assert.isFalse(tracker.isFollowed(`user:${bob}`), "nothing is followed for nobody")
      arrive(bob)
      yield* soon
      assert.lengthOf(told, 3)
    })
  )

  it.effect("tells what has changed while a new list was tried in vain", () =>
    Effect.gen(function* () {
      const { arrive, list, told, world } = yield* start
      yield* list.replace([bob])
      world.reading = Effect.delay(
        Effect.sync(() => {
          world.isDown = true
        }),
        "1 second"
      )
      const failing = yield* Effect.forkChild(Effect.flip(list.replace([carol])))
      yield* soon
      arrive(bob)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(failing))._tag, "Unavailable")
      assert.isEmpty(told)
      world.reading = Effect.void
      world.isDown = false
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(told, [is(bob, "online")])
    })
  )

  it.effect("looks again when it is in doubt, once for many doubts, and forgets who is shared no more", () =>
    Effect.gen(function* () {
      const { arrive, hub, list, told, world } = yield* start
      arrive(bob)
      arrive(carol)
      yield* list.replace([bob, carol])
      const { asked } = world
      world.friends.delete(carol)
      for (const one of [bob, carol, carol]) hub.publishLocal(watchDoubted(one))
      yield* soon
      assert.strictEqual(world.asked, asked + 1)
      assert.deepStrictEqual(told, [is(carol, "offline")])
      world.friends.add(carol)
      arrive(carol)
      hub.publishLocal(watchDoubted(bob))
      yield* soon
      assert.lengthOf(told, 1, "nothing of her before she is asked for again")
    })
  )

  it.effect("tells a slow connection how things stand when it has caught up", () =>
    Effect.gen(function* () {
      const { arrive, list, socket, told } = yield* start
      yield* list.replace([bob, carol])
      list.caughtUp()
      socket.takes = false
      const device = arrive(bob)
      yield* soon
      device.update("away")
      yield* soon
      socket.takes = true
      list.caughtUp()
      yield* soon
      assert.deepStrictEqual(told, [is(bob, "away")])
    })
  )

  it.effect("marks what may be otherwise while other nodes cannot be asked, and only that", () =>
    Effect.gen(function* () {
      const { arrive, list, presence, told, tracker, world } = yield* start
      world.seenAt.set(carol, 5_000)
      arrive(bob)
      yield* list.replace([bob, carol])
      tracker.cut(true)
      yield* soon
      assert.deepStrictEqual(told, [{ ...is(carol, "offline", 5_000), stale: true }])
      assert.deepStrictEqual(yield* presence.of(viewer, [bob, carol, mallory]), [
        is(bob, "online"),
        { ...is(carol, "offline", 5_000), stale: true }
      ])
      tracker.cut(false)
      yield* soon
      assert.deepStrictEqual(told.slice(1), [is(carol, "offline", 5_000)])
    })
  )

  it.effect("counts whom it is asked for anew, and refuses where they are too many", () =>
    Effect.gen(function* () {
      const { arrive, list, presence, told, world } = yield* start
      yield* list.replace([bob, bob, mallory])
      yield* list.replace([bob, carol])
      yield* list.replace([bob])
      yield* presence.of(viewer, [bob, carol])
      assert.deepStrictEqual(world.charged, ["presence 2", "presence 1", "presence 2"])
      world.limit = new RateLimited({ scope: "presence", limit: 1, windowMs: 1, retryAfterMs: 1 })
      assert.strictEqual((yield* Effect.flip(list.replace([carol])))._tag, "RateLimited")
      assert.strictEqual((yield* Effect.flip(presence.of(viewer, [bob])))._tag, "RateLimited")
      arrive(bob)
      yield* soon
      assert.deepStrictEqual(told, [is(bob, "online")])
    })
  )

  it.effect("tells when somebody was last seen to those only who tell it, too", () =>
    Effect.gen(function* () {
      const { presence, world } = yield* start
      world.seenAt.set(bob, 5_000)
      const seen = Effect.map(presence.of(viewer, [bob]), ([one]) => one?.last_seen)
      assert.strictEqual(yield* seen, new Date(5_000).toISOString())
      world.hiding.add(bob)
      assert.isNull(yield* seen)
      world.hiding.clear()
      world.hiding.add(alice)
      assert.isNull(yield* seen)
    })
  )
})
