import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Unavailable } from "../../src/domain/Errors.ts"
import { WorkLeases } from "../../src/domain/ports/WorkLeases.ts"
import * as Cleanup from "../../src/workers/Cleanup.ts"

/** The lease that all nodes share: whoever asks first has it until it is released. */
class Lease {
  holder: string | undefined

  of(node: string) {
    return Layer.succeed(WorkLeases, {
      hold: () =>
        Effect.sync(() => {
          this.holder ??= node
          return this.holder === node
        }),
      release: () =>
        Effect.sync(() => {
          if (this.holder === node) this.holder = undefined
        })
    })
  }
}

const start = (lease: Lease, node: string, tasks: ReadonlyArray<Cleanup.CleanupTask>) =>
  Effect.flatMap(Cleanup.Cleanup, ({ run }) => run).pipe(
    Effect.provide(
      Cleanup.layer({ interval: "5 minutes", tasks }).pipe(
        Layer.provide(lease.of(node)),
        Layer.merge(Logger.layer([]))
      )
    ),
    Effect.forkChild({ startImmediately: true })
  )

describe("Cleanup", () => {
  it.effect("performs all tasks every five minutes, whatever becomes of one of them", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const fails = Effect.suspend(() => {
        done.push("fails")
        return Effect.fail(new Unavailable({ what: "redis" }))
      })
      const works = Effect.sync(() => done.push("works"))
      yield* start(new Lease(), "one", [
        { name: "a", sweep: fails },
        { name: "b", sweep: works }
      ])
      yield* TestClock.adjust(Duration.seconds(299))
      assert.deepStrictEqual(done, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(done, ["fails", "works"])
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(done.length, 4)
    })
  )

  it.effect("does the work once among several nodes, and goes on where its node has ended", () =>
    Effect.gen(function* () {
      const lease = new Lease()
      const done: Array<string> = []
      const by = (node: string) => [{ name: "a", sweep: Effect.sync(() => done.push(node)) }]
      const one = yield* start(lease, "one", by("one"))
      yield* TestClock.adjust("2 minutes")
      yield* start(lease, "two", by("two"))
      yield* TestClock.adjust("14 minutes")
      assert.deepStrictEqual(done, ["one", "one", "one"])
      yield* Fiber.interrupt(one)
      yield* TestClock.adjust(Duration.seconds(305))
      assert.deepStrictEqual(done.slice(3), ["two"])
    })
  )
})
