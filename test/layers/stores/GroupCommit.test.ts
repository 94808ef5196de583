import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as GroupCommit from "../../../src/layers/stores/GroupCommit.ts"

/** `a1` is the item 1 of key `a`. */
type Item = string
type Error = "failed" | "overloaded" | "refused" | "broken"
type Results = ReadonlyArray<Result.Result<Item, Error>>

const succeed = (batch: ReadonlyArray<Item>): Results => batch.map((item) => Result.succeed(item))

/** A commit that takes until the test says how it ended. */
const harness = Effect.fnUntraced(function* (
  options: Partial<GroupCommit.Options<Item, Item, Error>> = {},
  scope?: Scope.Scope
) {
  const batches: Array<ReadonlyArray<Item>> = []
  const waiting: Array<Deferred.Deferred<Results>> = []
  let over = false
  const settled: Array<string> = []
  const group = yield* GroupCommit.make<Item, Item, Error>({
    capacity: 1000,
    name: "test",
    capacityBytes: 1000,
    maxBatch: 100,
    maxBatchBytes: 100,
    pace: 0,
    keyOf: (item) => item[0]!,
    bytesOf: () => 1,
    breaksKey: (error) => error === "broken",
    failed: "failed",
    overloaded: "overloaded",
    commit: (batch) =>
      Effect.suspend(() => {
        batches.push(batch)
        if (over) return Effect.succeed(succeed(batch))
        const deferred = Deferred.makeUnsafe<Results>()
        waiting.push(deferred)
        return Deferred.await(deferred)
      }),
    ...options
  }).pipe(scope === undefined ? (self) => self : Effect.provideService(Scope.Scope, scope))
  const offer = (...items: ReadonlyArray<Item>) => {
    for (const item of items) {
      group.offer(item, (result) =>
        settled.push(Result.isSuccess(result) ? item : `${item} ${result.failure}`)
      )
    }
  }
  /** Ends the oldest commit in flight, and lets the loop go on as far as it can. */
  const finish = (resultsOf: (batch: ReadonlyArray<Item>) => Results = succeed) =>
    Effect.gen(function* () {
      const deferred = waiting.shift()!
      yield* Deferred.succeed(deferred, resultsOf(batches[batches.length - 1 - waiting.length]!))
      yield* TestClock.adjust(0)
    })
  // A commit is not interrupted, so those still in flight at the end of a test have to end, too.
  const end = Effect.sync(() => {
    over = true
    waiting.forEach((deferred, i) => {
      Deferred.doneUnsafe(deferred, Effect.succeed(succeed(batches[batches.length - waiting.length + i]!)))
    })
  })
  const start = Effect.forkScoped(group.run).pipe(
    Effect.tap(() => Effect.addFinalizer(() => end)),
    Effect.tap(() => TestClock.adjust(0))
  )
  return { group, batches, settled, offer, finish, start }
})

describe("GroupCommit", () => {
  it.effect("makes one batch of what arrives while another is being committed", () =>
    Effect.gen(function* () {
      const { batches, finish, group, offer, settled, start } = yield* harness()
      yield* start
      offer("a1")
      yield* TestClock.adjust(0)
      offer("b1", "a2", "b2")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(batches, [["a1"]])
      assert.strictEqual(group.depth(), 4)
      yield* finish()
      assert.deepStrictEqual(batches, [["a1"], ["b1", "a2", "b2"]])
      assert.deepStrictEqual(settled, ["a1"])
      yield* finish()
      assert.deepStrictEqual(settled, ["a1", "b1", "a2", "b2"])
      assert.strictEqual(group.depth(), 0)
    })
  )

  it.effect("holds what is offered before its loop runs", () =>
    Effect.gen(function* () {
      const { batches, finish, offer, settled, start } = yield* harness()
      offer("a1", "a2")
      assert.deepStrictEqual(settled, [])
      yield* start
      assert.deepStrictEqual(batches, [["a1", "a2"]])
      yield* finish()
      assert.deepStrictEqual(settled, ["a1", "a2"])
    })
  )

  it.effect("refuses at once what exceeds its capacity, and takes more when there is room again", () =>
    Effect.gen(function* () {
      const { finish, offer, settled, start } = yield* harness({ capacity: 2 })
      offer("a1", "a2", "a3")
      assert.deepStrictEqual(settled, ["a3 overloaded"])
      yield* start
      yield* finish()
      offer("a4")
      yield* TestClock.adjust(0)
      yield* finish()
      assert.deepStrictEqual(settled, ["a3 overloaded", "a1", "a2", "a4"])
    })
  )

  it.effect("refuses what exceeds its bytes, but never a single item", () =>
    Effect.gen(function* () {
      const { offer, settled } = yield* harness({
        capacityBytes: 10,
        bytesOf: (item) => Number(item.slice(1))
      })
      offer("a50", "a1")
      assert.deepStrictEqual(settled, ["a1 overloaded"])
    })
  )

  it.effect("cuts batches by number and by bytes, and commits an item larger than a batch alone", () =>
    Effect.gen(function* () {
      const { batches, finish, offer, start } = yield* harness({
        maxBatch: 3,
        maxBatchBytes: 10,
        bytesOf: (item) => Number(item.slice(1))
      })
      offer("a1", "a2", "a3", "a4", "a50", "a6", "a5")
      yield* start
      for (let i = 0; i < 5; i++) yield* finish()
      assert.deepStrictEqual(batches, [["a1", "a2", "a3"], ["a4"], ["a50"], ["a6"], ["a5"]])
    })
  )

  it.effect("fails what is queued behind a broken key, after its batch and in order, and no other key", () =>
    Effect.gen(function* () {
      const { batches, finish, offer, settled, start } = yield* harness()
      offer("a1", "b1")
      yield* start
      offer("a2", "b2", "a3")
      yield* finish((batch) =>
        batch.map((item) => (item === "a1" ? Result.fail("broken") : Result.succeed(item)))
      )
      assert.deepStrictEqual(settled, ["a1 broken", "b1", "a2 failed", "a3 failed"])
      assert.deepStrictEqual(batches[1], ["b2"])
      offer("a4")
      yield* finish()
      yield* finish()
      assert.deepStrictEqual(settled.slice(4), ["b2", "a4"])
    })
  )

  it.effect("lets a failure that breaks no order fail alone", () =>
    Effect.gen(function* () {
      const { finish, offer, settled, start } = yield* harness()
      offer("a1")
      yield* start
      offer("a2")
      yield* finish(() => [Result.fail("refused")])
      yield* finish()
      assert.deepStrictEqual(settled, ["a1 refused", "a2"])
    })
  )

  it.effect("takes what a failed sender offers again as something new", () =>
    Effect.gen(function* () {
      const { finish, group, offer, settled, start } = yield* harness()
      group.offer("a1", () => offer("a3"))
      yield* start
      offer("a2")
      yield* finish(() => [Result.fail("broken")])
      yield* finish()
      assert.deepStrictEqual(settled, ["a2 failed", "a3"])
    })
  )

  it.effect(
    "fails a batch whose commit crashed and what is queued behind it, and goes on when run again",
    () =>
      Effect.gen(function* () {
        let crash = true
        const { group, offer, settled } = yield* harness({
          maxBatch: 1,
          commit: (batch) => (crash ? Effect.die("bug") : Effect.succeed(succeed(batch)))
        })
        offer("a1", "a2", "b1")
        const exit = yield* Effect.exit(group.run)
        assert.isTrue(Exit.hasDies(exit))
        assert.deepStrictEqual(settled, ["a1 failed", "a2 failed"])
        crash = false
        yield* Effect.forkScoped(group.run)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(settled, ["a1 failed", "a2 failed", "b1"])
      })
  )

  it.effect("commits what is queued before it ends, when it is told to end", () =>
    Effect.gen(function* () {
      const { batches, finish, offer, settled, start } = yield* harness()
      offer("a1")
      const fiber = yield* start
      offer("a2", "a3")
      const stopping = yield* Effect.forkScoped(Fiber.interrupt(fiber))
      yield* TestClock.adjust(0)
      yield* finish()
      yield* finish()
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(batches, [["a1"], ["a2", "a3"]])
      assert.deepStrictEqual(settled, ["a1", "a2", "a3"])
    })
  )

  it.effect("gives the rest up when it is told to end and nothing can be committed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { batches, offer, settled, finish, start } = yield* harness({ maxBatch: 1 }, scope)
      offer("a1")
      const fiber = yield* start
      offer("b1", "c1")
      const stopping = yield* Effect.forkScoped(Fiber.interrupt(fiber))
      yield* TestClock.adjust(0)
      yield* finish(() => [Result.fail("broken")])
      yield* finish(() => [Result.fail("broken")])
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(batches, [["a1"], ["b1"]])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(settled, ["a1 broken", "b1 broken", "c1 failed"])
    })
  )

  it.effect("begins commits at its pace when busy, and at once when quiet", () =>
    Effect.gen(function* () {
      const { batches, finish, offer, start } = yield* harness({ pace: "5 millis" })
      yield* start
      offer("a1")
      yield* TestClock.adjust(0)
      yield* finish()
      offer("a2")
      yield* TestClock.adjust(0)
      assert.strictEqual(batches.length, 2, "one item at a time is no load")
      yield* finish()
      offer(...Array.from({ length: 25 }, (_, index) => `b${index}`))
      yield* TestClock.adjust(0)
      yield* finish()
      offer("c1")
      yield* TestClock.adjust(4)
      assert.strictEqual(batches.length, 3, "too early for the next batch")
      offer("c2")
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(batches[3], ["c1", "c2"])
    })
  )
})
