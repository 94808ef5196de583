import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as PeerLimits from "../../../src/edges/grpc/PeerLimits.ts"

const media = { name: "media" }
const users = { name: "users" }

const countOf = (limits: PeerLimits.Within, peer: { readonly name: string }, times: number) =>
  Effect.map(
    Effect.forEach(Array.from({ length: times }), () => Effect.result(limits(peer, Effect.void))),
    (results) => results.filter(({ _tag }) => _tag === "Success").length
  )

describe("What one service may ask of a node", () => {
  it.effect("is a burst, and then so many a second, evenly", () =>
    Effect.gen(function* () {
      const within = yield* PeerLimits.make({ rate: { max: 10, windowMs: 2000 }, maxCalls: 5 })
      assert.strictEqual(yield* countOf(within, media, 15), 10)
      const refused = yield* Effect.flip(within(media, Effect.void))
      assert.deepInclude(refused, { scope: "service_calls", limit: 10, windowMs: 2000, retryAfterMs: 200 })
      yield* TestClock.adjust("150 millis")
      assert.deepInclude(yield* Effect.flip(within(media, Effect.void)), { retryAfterMs: 50 })
      yield* TestClock.adjust("50 millis")
      assert.strictEqual(yield* countOf(within, media, 3), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* countOf(within, media, 20), 5)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* countOf(within, media, 20), 10, "no more than one burst is saved")
    })
  )

  it.effect("is its own: another may call when one has no calls left", () =>
    Effect.gen(function* () {
      const within = yield* PeerLimits.make({ rate: { max: 2, windowMs: 1000 }, maxCalls: 5 })
      assert.strictEqual(yield* countOf(within, media, 5), 2)
      assert.strictEqual(yield* countOf(within, users, 5), 2)
    })
  )

  it.effect("is so many calls at once; a place is free again however its call ended", () =>
    Effect.gen(function* () {
      const within = yield* PeerLimits.make({ rate: undefined, maxCalls: 2 })
      const gate = yield* Deferred.make<void>()
      const waiting = within(media, Deferred.await(gate))
      const first = yield* Effect.forkChild(waiting, { startImmediately: true })
      const second = yield* Effect.forkChild(waiting, { startImmediately: true })
      const refused = yield* Effect.flip(within(media, Effect.void))
      assert.deepInclude(refused, { scope: "service_calls_under_way", limit: 2, retryAfterMs: 1000 })
      assert.strictEqual(yield* countOf(within, users, 1), 1)
      yield* Fiber.interrupt(first)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(within(media, Effect.die("broken")))))
      yield* Effect.flip(within(media, Effect.fail("refused")))
      assert.strictEqual(yield* countOf(within, media, 3), 3)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(second)
    })
  )

  it.effect("costs nothing of its time when it is refused for what is under way", () =>
    Effect.gen(function* () {
      const within = yield* PeerLimits.make({ rate: { max: 3, windowMs: 1000 }, maxCalls: 1 })
      const gate = yield* Deferred.make<void>()
      const first = yield* Effect.forkChild(within(media, Deferred.await(gate)), { startImmediately: true })
      assert.strictEqual(yield* countOf(within, media, 10), 0)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(first)
      assert.strictEqual(yield* countOf(within, media, 10), 2)
    })
  )
})
