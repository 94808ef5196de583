import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as PresenceTracker from "../../../src/actors/presence/PresenceTracker.ts"
import * as TopicHub from "../../../src/actors/topic/TopicHub.ts"
import type { DeviceId, UserId } from "../../../src/domain/Ids.ts"
import type { Diff, Presences } from "../../../src/domain/Presence.ts"
import { Broker, type Publication } from "../../../src/domain/ports/Broker.ts"

const user = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}` as UserId
const [alice, bob] = [user(1), user(2)]
const phone = "phone" as DeviceId
const laptop = "laptop" as DeviceId

const broker = Layer.succeed(Broker, {
  publish: () => {},
  subscribe: () => {},
  heard: () => Effect.succeed(new Set<string>()),
  unsubscribe: () => {},
  onPublication: () => {},
  onGap: () => {}
})

const withTracker = <A, E>(body: Effect.Effect<A, E, PresenceTracker.PresenceTracker | TopicHub.TopicHub>) =>
  Effect.provide(body, PresenceTracker.layer.pipe(Layer.provideMerge(TopicHub.layer), Layer.provide(broker)))

const listen = Effect.fnUntraced(function* (topic: string) {
  const hub = yield* TopicHub.TopicHub
  const diffs: Array<Diff> = []
  hub.subscribe(topic, {
    deliver: (publication: Publication) => {
      assert.deepInclude(publication, { topic, event: "presence_diff", seq: null, except: null })
      diffs.push(JSON.parse(publication.payload))
    }
  })
  return diffs
})

const stateOf = (tracker: PresenceTracker.PresenceTracker["Service"]): Presences =>
  JSON.parse(tracker.stateJson("t"))

const devices = (presences: Presences) =>
  Object.fromEntries(
    Object.entries(presences).map(([key, { metas }]) => [key, metas.map((m) => m.device_id)])
  )

describe("PresenceTracker", () => {
  it.effect("shows a connection at once and tells of it within 50 ms", () =>
    withTracker(
      Effect.gen(function* () {
        const tracker = yield* PresenceTracker.PresenceTracker
        const diffs = yield* listen("t")
        yield* TestClock.adjust("1 second")
        const tracked = tracker.track("t", alice, phone, "online")
        const state = stateOf(tracker)
        assert.deepInclude(state[alice]?.metas[0], { device_id: phone, status: "online", online_at: 1000 })
        assert.match(state[alice]?.metas[0]?.phx_ref ?? "", /^[A-Za-z0-9_-]{16}$/)
        yield* TestClock.adjust("49 millis")
        assert.deepStrictEqual(diffs, [])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(diffs, [{ joins: state, leaves: {} }])
        tracked.untrack()
        assert.strictEqual(tracker.stateJson("t"), "{}")
        yield* TestClock.adjust("50 millis")
        assert.deepStrictEqual(diffs[1], { joins: {}, leaves: state })
        tracked.untrack()
        yield* TestClock.adjust("50 millis")
        assert.strictEqual(diffs.length, 2)
      })
    )
  )

  it.effect("tells a storm of changes in one diff for each topic", () =>
    withTracker(
      Effect.gen(function* () {
        const tracker = yield* PresenceTracker.PresenceTracker
        const [t, u] = [yield* listen("t"), yield* listen("u")]
        for (let n = 1; n <= 100; n++) {
          tracker.track("t", user(n), phone, "online")
          yield* TestClock.adjust("1 millis")
        }
        tracker.track("u", alice, phone, "online")
        yield* TestClock.adjust("50 millis")
        assert.strictEqual(t.length, 2)
        assert.strictEqual(t.flatMap((diff) => Object.keys(diff.joins)).length, 100)
        assert.deepStrictEqual(
          u.map((diff) => devices(diff.joins)),
          [{ [alice]: ["phone"] }]
        )
      })
    )
  )

  it.effect("shows each device of a user, and drops the user with the last of them", () =>
    withTracker(
      Effect.gen(function* () {
        const tracker = yield* PresenceTracker.PresenceTracker
        const diffs = yield* listen("t")
        const onPhone = tracker.track("t", alice, phone, "online")
        const onLaptop = tracker.track("t", alice, laptop, "away")
        tracker.track("t", bob, phone, "online")
        assert.deepStrictEqual(devices(stateOf(tracker)), {
          [alice]: ["phone", "laptop"],
          [bob]: ["phone"]
        })
        yield* TestClock.adjust("50 millis")
        onPhone.untrack()
        yield* TestClock.adjust("50 millis")
        assert.deepStrictEqual(devices(diffs[1]!.leaves), { [alice]: ["phone"] })
        onLaptop.untrack()
        assert.deepStrictEqual(devices(stateOf(tracker)), { [bob]: ["phone"] })
      })
    )
  )

  it.effect("tells of an update as one diff that names the former ref", () =>
    withTracker(
      Effect.gen(function* () {
        const tracker = yield* PresenceTracker.PresenceTracker
        const diffs = yield* listen("t")
        const tracked = tracker.track("t", alice, phone, "online")
        yield* TestClock.adjust("50 millis")
        const before = diffs[0]!.joins[alice]!.metas[0]!
        tracked.update("away")
        yield* TestClock.adjust("50 millis")
        const { joins, leaves } = diffs[1]!
        const after = joins[alice]!.metas[0]!
        assert.deepStrictEqual(leaves, { [alice]: { metas: [before] } })
        assert.deepStrictEqual(after, {
          ...before,
          status: "away",
          phx_ref: after.phx_ref,
          phx_ref_prev: before.phx_ref
        })
        assert.notStrictEqual(after.phx_ref, before.phx_ref)
      })
    )
  )

  it.effect("shows nobody past the limits of a topic, and forgets empty topics", () =>
    Effect.gen(function* () {
      const tracker = yield* PresenceTracker.PresenceTracker
      const diffs = yield* listen("t")
      const first = tracker.track("t", alice, phone, "online")
      const hidden = tracker.track("t", bob, phone, "online")
      assert.deepStrictEqual(devices(stateOf(tracker)), { [alice]: ["phone"] })
      hidden.untrack()
      first.untrack()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(diffs.length, 1)
      tracker.track("t", bob, phone, "online")
      assert.deepStrictEqual(devices(stateOf(tracker)), { [bob]: ["phone"] })
    }).pipe(
      Effect.provide(
        PresenceTracker.layerWith({ keys: 1 }).pipe(Layer.provideMerge(TopicHub.layer), Layer.provide(broker))
      )
    )
  )

  it.effect("tells nothing more once its layer is gone", () =>
    Effect.gen(function* () {
      const diffs = yield* withTracker(
        Effect.gen(function* () {
          const tracker = yield* PresenceTracker.PresenceTracker
          const diffs = yield* listen("t")
          tracker.track("t", alice, phone, "online")
          return diffs
        })
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(diffs, [])
    })
  )
})
