import { assert, describe, it } from "@effect/vitest"
import { Arrivals } from "../../../src/actors/session/Arrivals.ts"

/** Until the event loop has had a turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe("Arrivals", () => {
  it("begins a few at once, and the others a few in each turn, in their order", async () => {
    const arrivals = new Arrivals()
    const begun: Array<number> = []
    for (let n = 0; n < 100; n++) arrivals.enter(() => void begun.push(n))
    const atOnce = begun.length
    assert.isAbove(atOnce, 0)
    assert.isBelow(atOnce, 20)
    assert.strictEqual(arrivals.waiting, 100 - atOnce)
    for (let before = atOnce; arrivals.waiting > 0; before = begun.length) {
      await turn()
      assert.isAbove(begun.length, before)
      assert.isAtMost(begun.length - before, atOnce)
    }
    assert.deepStrictEqual(
      begun,
      Array.from({ length: 100 }, (_, n) => n)
    )
  })

  it("lets nobody past those who wait, and again begins at once when they have begun", async () => {
    const arrivals = new Arrivals()
    const begun: Array<string> = []
    for (let n = 0; n < 30; n++) arrivals.enter(() => void begun.push(`early ${n}`))
    await turn()
    // From within, as a connection that is let in at once asks to join.
    arrivals.enter(() => arrivals.enter(() => void begun.push("last")))
    while (arrivals.waiting > 0) await turn()
    assert.strictEqual(begun.indexOf("last"), 30)
    await turn()
    arrivals.enter(() => void begun.push("alone"))
    assert.strictEqual(begun.at(-1), "alone")
  })

  it("goes on from one storm to the next", async () => {
    const arrivals = new Arrivals()
    let begun = 0
    for (let storm = 1; storm <= 3; storm++) {
      for (let n = 0; n < 500; n++) arrivals.enter(() => void begun++)
      while (arrivals.waiting > 0) await turn()
      assert.strictEqual(begun, storm * 500)
    }
  })
})
