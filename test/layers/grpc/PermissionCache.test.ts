import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Unavailable } from "../../../src/domain/Errors.ts"
import * as PermissionCache from "../../../src/layers/grpc/PermissionCache.ts"

const options = {
  capacity: 2,
  ttl: Duration.seconds(30),
  staleTtl: Duration.hours(1),
  whenDown: "open"
} as const

const down = Effect.fail(new Unavailable({ what: "user service" }))

/** An answer of the peer, and how often it was asked. */
const counted = (granted: boolean) => {
  const asked = { times: 0 }
  const peer = Effect.sync(() => {
    asked.times++
    return granted
  })
  return { asked, peer }
}

describe("PermissionCache", () => {
  it.effect("asks again only when an answer is old", () =>
    Effect.gen(function* () {
      const cache = yield* PermissionCache.make(options)
      const { asked, peer } = counted(false)
      assert.isUndefined(cache.recall("a"))
      for (let i = 0; i < 3; i++) assert.isFalse(yield* cache.ask("a", peer))
      assert.isFalse(cache.recall("a"))
      assert.strictEqual(asked.times, 1)
      yield* TestClock.adjust("30 seconds")
      assert.isUndefined(cache.recall("a"))
      assert.isFalse(yield* cache.ask("a", peer))
      assert.strictEqual(asked.times, 2)
    })
  )

  it.effect("keeps to the last word of a peer that is down, for an hour", () =>
    Effect.gen(function* () {
      const cache = yield* PermissionCache.make({ ...options, whenDown: "closed" })
      yield* cache.ask("yes", counted(true).peer)
      yield* cache.ask("no", counted(false).peer)
      yield* TestClock.adjust("59 minutes")
      assert.isTrue(yield* cache.ask("yes", down))
      assert.isFalse(yield* cache.ask("no", down))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Effect.flip(cache.ask("yes", down)))._tag, "Unavailable")
    })
  )

  it.effect("hears of a peer that is back within a second", () =>
    Effect.gen(function* () {
      const cache = yield* PermissionCache.make(options)
      yield* cache.ask("a", counted(true).peer)
      yield* TestClock.adjust("1 minute")
      assert.isTrue(yield* cache.ask("a", down))
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* cache.ask("a", counted(false).peer))
    })
  )

  it.effect("grants what was never asked while the peer is down, or does not, as configured", () =>
    Effect.gen(function* () {
      const open = yield* PermissionCache.make(options)
      assert.isTrue(yield* open.ask("a", down))
      assert.isUndefined(open.recall("a"))
      const closed = yield* PermissionCache.make({ ...options, whenDown: "closed" })
      assert.strictEqual((yield* Effect.flip(closed.ask("a", down)))._tag, "Unavailable")
    })
  )

  it.effect("forgets the oldest answers when it is full", () =>
    Effect.gen(function* () {
      const cache = yield* PermissionCache.make(options)
      for (const question of ["a", "b", "c"]) yield* cache.ask(question, counted(true).peer)
      assert.deepStrictEqual(["a", "b", "c"].map(cache.recall), [undefined, true, true])
    })
  )
})
