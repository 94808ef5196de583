import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber } from "effect"
import * as QueryGuard from "../../../src/layers/database/QueryGuard.ts"

/** A query that says when it has begun, and ends when it is let go. */
const query = Effect.gen(function* () {
  const begun = yield* Deferred.make<void>()
  const end = yield* Deferred.make<void>()
  return {
    begun: Deferred.isDone(begun),
    end: Deferred.succeed(end, undefined),
    effect: Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(end))
  }
})

const queries = (count: number) => Effect.all(Array.from({ length: count }, () => query))

const forked = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

describe("QueryGuard", () => {
  it.live("leaves two connections for commits, and lets the others' queries in by their order", () =>
    Effect.gen(function* () {
      const guard = yield* QueryGuard.make({
        timeout: Duration.seconds(5),
        connections: 4,
        isCancellable: true
      })
      const reads = yield* queries(4)
      const fibers = yield* Effect.forEach(reads, ({ effect }) => forked(guard.run("read", effect)))
      const begun = Effect.forEach(reads, (read) => read.begun)
      assert.deepStrictEqual(yield* begun, [true, true, false, false])
      const commits = yield* queries(2)
      const committing = yield* Effect.forEach(commits, ({ effect }) =>
        forked(guard.attempt("commit", effect))
      )
      assert.deepStrictEqual(yield* Effect.forEach(commits, (commit) => commit.begun), [true, true])
      yield* reads[1]!.end
      yield* Fiber.join(fibers[1]!)
      while (!(yield* reads[2]!.begun)) yield* Effect.yieldNow
      assert.deepStrictEqual(yield* begun, [true, true, true, false])
      for (const { end } of [...reads, ...commits]) yield* end
      yield* Effect.forEach([...fibers, ...committing], Fiber.join)
    }).pipe(Effect.scoped)
  )

  it.live("answers a query whose turn does not come in time, and forgets it", () =>
    Effect.gen(function* () {
      // One connection, as the embedded database has: there is nothing to leave.
      const guard = yield* QueryGuard.make({
        timeout: Duration.millis(50),
        connections: 1,
        isCancellable: true
      })
      const [first, second, third] = yield* queries(3)
      const stuck = yield* forked(Effect.flip(guard.run("first", Effect.uninterruptible(first!.effect))))
      const error = yield* Effect.flip(guard.run("second", second!.effect))
      assert.strictEqual(error._tag, "Unavailable")
      assert.strictEqual((yield* Fiber.join(stuck))._tag, "Unavailable")
      yield* first!.end
      yield* third!.end
      yield* guard.run("third", third!.effect)
      assert.isFalse(yield* second!.begun)
    }).pipe(Effect.scoped)
  )
})
