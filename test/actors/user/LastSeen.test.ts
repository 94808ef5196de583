import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as LastSeen from "../../../src/actors/user/LastSeen.ts"
import { Unavailable } from "../../../src/domain/Errors.ts"
import type { UserId } from "../../../src/domain/Ids.ts"
import { LastSeenStore, type Seen } from "../../../src/domain/ports/LastSeenStore.ts"

const [ann, bob, cem] = ["ann", "bob", "cem"] as [UserId, UserId, UserId]

/** What was put on record, by statement. */
class Record {
  readonly statements: Array<ReadonlyArray<Seen>> = []
  isDown = false
  /** How long a statement takes. */
  delay: Duration.Input = 0
  /** What asking for one awaits, and is answered from before. */
  asked: Effect.Effect<void> = Effect.void

  readonly layer = Layer.mock(LastSeenStore, {
    record: (seen) =>
      Effect.suspend(() => {
        if (this.isDown) return Effect.fail(new Unavailable({ what: "database" }))
        this.statements.push(seen)
        return Effect.sleep(this.delay)
      }),
    of: () => Effect.suspend(() => Effect.as(this.asked, { at: undefined, isHidden: false }))
  })
}

const start = Effect.fnUntraced(function* (capacity = 10) {
  const record = new Record()
  const context = yield* Layer.build(
    LastSeen.layer({ interval: Duration.minutes(1), capacity }).pipe(Layer.provide(record.layer))
  )
  const lastSeen = yield* LastSeen.LastSeen.pipe(Effect.provideContext(context))
  const running = yield* Effect.forkScoped(lastSeen.run)
  yield* TestClock.adjust("1 millis")
  return { record, lastSeen, running }
})

const users = (seen: ReadonlyArray<Seen> | undefined) => seen?.map(({ userId }) => userId)

describe("LastSeen", () => {
  it.effect("writes who comes with their first device and leaves with their last, together and soon", () =>
    Effect.gen(function* () {
      const { lastSeen, record } = yield* start()
      for (const user of [ann, ann, bob]) lastSeen.arrived(user)
      yield* TestClock.adjust("10 seconds")
      lastSeen.left(ann)
      lastSeen.left(bob)
      assert.strictEqual((yield* lastSeen.of(bob)).at, 10_001, "it is known before it is written")
      yield* TestClock.adjust("100 millis")
      lastSeen.left(ann)
      assert.lengthOf(record.statements, 1)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(record.statements, [
        [
          { userId: ann, at: 1 },
          { userId: bob, at: 1 }
        ],
        [
          { userId: bob, at: 10_001 },
          { userId: ann, at: 10_101 }
        ]
      ])
    })
  )

  it.effect("knows what is being written, and what was while storage was asked", () =>
    Effect.gen(function* () {
      const { lastSeen, record } = yield* start()
      record.delay = "10 seconds"
      lastSeen.arrived(ann)
      yield* TestClock.adjust("1 second")
      const meanwhile = yield* lastSeen.of(ann)
      record.asked = Effect.sleep("20 seconds")
      const asking = yield* Effect.forkChild(lastSeen.of(ann), { startImmediately: true })
      yield* TestClock.adjust("20 seconds")
      const afterwards = yield* Fiber.join(asking)
      // What is here is written once more at the end, when the clock stands still.
      record.delay = 0
      assert.lengthOf(record.statements, 1)
      assert.deepStrictEqual([meanwhile.at, afterwards.at], [1, 1])
    })
  )

  it.effect("writes again and again who is here, and all of it when it is stopped", () =>
    Effect.gen(function* () {
      const { lastSeen, record, running } = yield* start()
      lastSeen.arrived(ann)
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(record.statements.map(users), [[ann], [ann], [ann]])
      lastSeen.arrived(bob)
      lastSeen.left(ann)
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual(record.statements.slice(3).map(users), [[bob], [bob, ann]])
    })
  )

  it.effect("keeps what the database does not take, so many of it, and what is later of it", () =>
    Effect.gen(function* () {
      const { lastSeen, record } = yield* start(2)
      record.isDown = true
      const leave = (user: UserId) =>
        Effect.andThen(
          Effect.sync(() => {
            lastSeen.arrived(user)
            lastSeen.left(user)
          }),
          TestClock.adjust("1 second")
        )
      yield* leave(ann)
      yield* leave(bob)
      yield* leave(cem)
      yield* leave(bob)
      record.isDown = false
      yield* TestClock.adjust("5 seconds")
      assert.sameDeepMembers(record.statements.flat() as Array<Seen>, [
        { userId: cem, at: 2_001 },
        { userId: bob, at: 3_001 }
      ])
    })
  )
})
