import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Histogram, latencyOf } from "../../bench/load/Histogram.ts"

const histogramOf = (values: ReadonlyArray<number>): Histogram => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

/** The nearest-rank quantile, by sorting. */
const exactQuantile = (values: ReadonlyArray<number>, fraction: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(fraction * values.length)) - 1]!

describe("Histogram", () => {
  it("is exact below 128 microseconds", () => {
    const histogram = histogramOf(Array.from({ length: 100 }, (_, index) => index + 1))
    assert.strictEqual(histogram.quantile(0.5), 50)
    assert.strictEqual(histogram.quantile(0.99), 99)
    assert.strictEqual(histogram.quantile(1), 100)
  })

  it("never understates a quantile and overstates it by at most 1/64", () => {
    const samples = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(samples, fc.double({ min: 0, max: 1, noNaN: true }), (values, fraction) => {
        const exact = exactQuantile(values, fraction)
        const estimate = histogramOf(values).quantile(fraction)
        assert.isAtLeast(estimate, exact)
        assert.isAtMost(estimate, exact * (1 + 1 / 64))
      })
    )
  })

  it("keeps the largest sample and the count exactly", () => {
    const histogram = histogramOf([5, 1_234_567, 17])
    assert.strictEqual(histogram.max, 1_234_567)
    assert.strictEqual(histogram.count, 3)
    assert.strictEqual(histogram.quantile(1), 1_234_567)
  })

  it("takes a sample beyond its range, and one before zero, as the nearest it can hold", () => {
    const histogram = histogramOf([-3, 2 ** 40])
    assert.strictEqual(histogram.quantile(0.5), 0)
    assert.strictEqual(histogram.max, 2 ** 31 - 1)
  })

  it("has no quantile without samples", () => {
    assert.isNaN(new Histogram().quantile(0.99))
  })

  it("is reported in milliseconds", () => {
    assert.deepStrictEqual(latencyOf(histogramOf([100, 100, 100])), {
      samples: 3,
      p50: 0.1,
      p99: 0.1,
      max: 0.1
    })
  })
})
