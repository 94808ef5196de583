import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as OfflineDispatch from "../../../src/actors/user/OfflineDispatch.ts"
import { Unavailable } from "../../../src/domain/Errors.ts"
import { MessageQueueCache, type News } from "../../../src/domain/ports/MessageQueueCache.ts"
import { userId } from "../../contract/Fixtures.ts"
import { memberOf, stateOf } from "../../contract/States.ts"

const groupOf = (size: number) => stateOf(Array.from({ length: size }, () => memberOf(userId())))

/** The dispatch over a queue that notes what it gets, or refuses it. */
const make = Effect.fnUntraced(function* (capacity = 10) {
  const got: Array<News> = []
  const queue = { isAway: false }
  const port = Layer.mock(MessageQueueCache)({
    append: (news) =>
      Effect.suspend(() => {
        if (queue.isAway) return Effect.fail(new Unavailable({ what: "queue" }))
        got.push(...news)
        return Effect.void
      })
  })
  const context = yield* Layer.build(
    OfflineDispatch.layer({ capacity, entriesPerSecond: 1_000 }).pipe(Layer.provide(port))
  )
  const dispatch = context.mapUnsafe.get(
    OfflineDispatch.OfflineDispatch.key
  ) as OfflineDispatch.OfflineDispatch["Service"]
  const loop = yield* Effect.forkChild(dispatch.run)
  return { dispatch, got, loop, queue }
})

describe("The offline dispatch", () => {
  it.effect("makes one reference per member of what is committed between two turns, from the first on", () =>
    Effect.gen(function* () {
      const { dispatch, got } = yield* make()
      const state = groupOf(2)
      for (const seq of [7, 8, 9]) dispatch.committed(state, seq)
      yield* TestClock.adjust("30 millis")
      const expected = Array.from(state.members.keys(), (userId) => ({
        userId,
        conversationId: state.id,
        fromSeq: 7
      }))
      assert.deepStrictEqual(got, expected)
      dispatch.committed(state, 10)
      yield* TestClock.adjust("60 millis")
      assert.deepStrictEqual(
        got.slice(2),
        expected.map((news) => ({ ...news, fromSeq: 10 }))
      )
    })
  )

  it.effect("gives large conversations their turn less often, and keeps no other waiting by it", () =>
    Effect.gen(function* () {
      const { dispatch, got } = yield* make()
      const [large, small] = [groupOf(2_500), groupOf(1)]
      dispatch.committed(large, 1)
      dispatch.committed(small, 1)
      yield* TestClock.adjust("60 millis")
      assert.strictEqual(got.length, 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(got.length, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(got.length, 2_501)
    })
  )

  it.effect(
    "goes on after an outage, holds no more conversations than it may, and hands over all at its end",
    () =>
      Effect.gen(function* () {
        const { dispatch, got, loop, queue } = yield* make(2)
        queue.isAway = true
        dispatch.committed(groupOf(1), 1)
        yield* TestClock.adjust("60 millis")
        queue.isAway = false
        assert.strictEqual(dispatch.depth(), 0)
        for (let i = 0; i < 5; i++) dispatch.committed(groupOf(1), 1)
        assert.strictEqual(dispatch.depth(), 2)
        yield* Fiber.interrupt(loop)
        assert.strictEqual(got.length, 2)
      })
  )
})
