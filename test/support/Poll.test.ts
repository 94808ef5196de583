import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Poll from "./Poll.ts"

describe("Poll.until", () => {
  it.effect("looks until there is an answer, under the test clock too", () =>
    Effect.gen(function* () {
      const answers = [false, null, undefined, 0]
      assert.strictEqual(yield* Poll.until(() => answers.shift(), { every: 1 }), 0)
    })
  )

  it.effect("takes failures and exceptions for a no, and tells the last one when time is up", () =>
    Effect.gen(function* () {
      const options = { deadline: 20, every: 1, what: "the row" }
      const thrown = yield* Effect.flip(Poll.until(() => Promise.reject(new Error("no table")), options))
      assert.match(thrown.message, /^the row: not within 20 ms.*no table/s)
      const failed = yield* Effect.flip(Poll.until(Effect.fail("refused"), options))
      assert.strictEqual(failed.last, "refused")
    })
  )
})
