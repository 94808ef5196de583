import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Pacer, Schedule } from "../../bench/load/Pacer.ts"

describe("Schedule", () => {
  it("has one send due at the start and one more every period", () => {
    const schedule = new Schedule(0, 1000)
    assert.strictEqual(schedule.take(0), 1)
    assert.strictEqual(schedule.take(999), 0)
    assert.strictEqual(schedule.take(1000), 1)
    assert.strictEqual(schedule.take(2999), 1)
    assert.strictEqual(schedule.take(3000), 1)
  })

  it("releases at once what a late tick owes, and knows how late the first of it was", () => {
    const schedule = new Schedule(0, 1000)
    assert.strictEqual(schedule.take(0), 1)
    assert.strictEqual(schedule.take(10_500), 10)
    assert.strictEqual(schedule.maxLag, 9500)
  })

  it("has nothing due before the start", () => {
    assert.strictEqual(new Schedule(5000, 1000).take(4000), 0)
  })

  it("keeps the mean rate whatever the ticks", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 1, maxLength: 100 })
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 20_000 }), (ticks, rate) => {
        const schedule = new Schedule(0, rate)
        let now = 0
        let issued = 0
        for (const gap of ticks) {
          now += gap
          issued += schedule.take(now)
        }
        const exact = (now * rate) / 1_000_000
        assert.isAtMost(Math.abs(issued - 1 - exact), 1)
      })
    )
  })
})

describe("Pacer", () => {
  it("numbers the sends from 0, catches up after a stall of its process, and ends when stopped", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const sent: Array<number> = []
    const pacer = new Pacer(1000, (index) => {
      sent.push(index)
      if (index === 0) {
        const stalledUntil = performance.now() + 20
        while (performance.now() < stalledUntil);
      }
      if (index < 20) return
      pacer.stop()
      resolve()
    })
    await promise
    const atStop = pacer.sent
    await new Promise(setImmediate)
    assert.deepStrictEqual(
      sent,
      Array.from({ length: atStop }, (_, index) => index)
    )
    assert.isAtLeast(pacer.maxLag, 18_000)
  })
})
