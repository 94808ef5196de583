/** What every `RateLimiter` promises. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { type Budget, credit, RateLimiter, wait } from "../../src/domain/ports/RateLimiter.ts"
import * as Poll from "../support/Poll.ts"

let scopes = 0
/** A scope that no other test counts in. */
export const fresh = (): string => `contract-${process.pid}-${scopes++}`

const HOUR = 3_600_000

export const isTaken = (budget: Budget, subject: string, units?: number) =>
  Effect.match(
    Effect.suspend(() => wait(budget.take(subject, units))),
    { onSuccess: () => true, onFailure: () => false }
  )

const takenOf = (budget: Budget, subject: string, times: number) =>
  Effect.map(
    Effect.forEach(Array.from({ length: times }), () => isTaken(budget, subject)),
    (answers) => answers.filter(Boolean).length
  )

export const contract = <E>(name: string, layer: Layer.Layer<RateLimiter, E>): void => {
  describe(`RateLimiter: ${name}`, () => {
    it.live("gives so many, and says when there will be more", () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter
        const budget = limiter.budget({ scope: fresh(), max: 10, windowMs: HOUR })
        assert.strictEqual(yield* takenOf(budget, "a", 12), 10)
        const refused = yield* Effect.flip(wait(budget.take("a")))
        assert.strictEqual(refused.scope, budget.limit.scope)
        assert.strictEqual(refused.limit, 10)
        assert.strictEqual(refused.windowMs, HOUR)
        assert.isAtMost(refused.retryAfterMs, HOUR)
        assert.isAtLeast(refused.retryAfterMs, HOUR - 60_000)
        assert.strictEqual(budget.standing("a").remaining, 0)
      }).pipe(Effect.provide(layer))
    )

    it.live("counts every subject and every scope apart", () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter
        const limit = { max: 2, windowMs: HOUR }
        const first = limiter.budget({ ...limit, scope: fresh() })
        const second = limiter.budget({ ...limit, scope: fresh() })
        assert.strictEqual(yield* takenOf(first, "a", 3), 2)
        assert.strictEqual(yield* takenOf(first, "b", 3), 2)
        assert.strictEqual(yield* takenOf(second, "a", 3), 2)
      }).pipe(Effect.provide(layer))
    )

    it.live("takes several units, or none of them", () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter
        const budget = limiter.budget({ scope: fresh(), max: 10, windowMs: HOUR })
        assert.isTrue(yield* isTaken(budget, "a", 7))
        assert.isFalse(yield* isTaken(budget, "a", 4))
        assert.isTrue(yield* isTaken(budget, "a", 3))
        assert.isFalse(yield* isTaken(budget, "b", 11))
      }).pipe(Effect.provide(layer))
    )

    it.live("counts for a smaller limit of the same scope what was taken under a greater one", () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter
        const scope = fresh()
        assert.strictEqual(yield* takenOf(limiter.budget({ scope, max: 10, windowMs: HOUR }), "a", 5), 5)
        assert.strictEqual(yield* takenOf(limiter.budget({ scope, max: 3, windowMs: HOUR }), "a", 1), 0)
      }).pipe(Effect.provide(layer))
    )

    it.live("takes back what was taken for nothing, and forgets a subject", () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter
        const budget = limiter.budget({ scope: fresh(), max: 3, windowMs: HOUR })
        assert.strictEqual(yield* takenOf(budget, "a", 4), 3)
        budget.giveBack("a")
        assert.strictEqual(yield* takenOf(budget, "a", 2), 1)
        budget.clear("a")
        // The clearing of a shared counter is under way; a question asked before it is done is answered as before.
        yield* Poll.until(
          Effect.suspend(() => {
            if (budget.standing("a").remaining === 0) budget.clear("a")
            return isTaken(budget, "a")
          })
        )
      }).pipe(Effect.provide(layer))
    )

    it.live("begins anew when the window has ended", () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter
        const budget = limiter.budget({ scope: fresh(), max: 2, windowMs: 300 })
        yield* takenOf(budget, "a", 3)
        yield* Poll.until(isTaken(budget, "a"))
      }).pipe(Effect.provide(layer))
    )

    it.live("keeps to the limit when many ask at once", () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter
        for (const max of [5, 30, 200]) {
          const budget = limiter.budget({ scope: fresh(), max, windowMs: HOUR })
          const answers = yield* Effect.forEach(Array.from({ length: 2 * max }), () => isTaken(budget, "a"), {
            concurrency: "unbounded"
          })
          const taken = answers.filter(Boolean).length
          assert.isAtLeast(taken, max)
          assert.isAtMost(taken, max + credit(max))
        }
      }).pipe(Effect.provide(layer))
    )
  })
}
