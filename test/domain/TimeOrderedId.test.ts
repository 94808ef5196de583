import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { newId } from "../../src/domain/TimeOrderedId.ts"

/** Version 7 and the variant of RFC 9562. */
const VERSION_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const millisOf = (id: string): number => Number.parseInt(id.replace("-", "").slice(0, 12), 16)

const at = (now: number, count: number): ReadonlyArray<string> => {
  const clock = vi.spyOn(Date, "now").mockReturnValue(now)
  try {
    return Array.from({ length: count }, newId)
  } finally {
    clock.mockRestore()
  }
}

// Later than any clock of a machine that runs this: the times are the tests' own.
const YEAR_3000 = 32_503_680_000_000

describe("newId", () => {
  it("makes UUIDs of version 7 that carry the time", () => {
    const before = Date.now()
    const ids = Array.from({ length: 3_000 }, newId)
    for (const id of ids) assert.match(id, VERSION_7)
    assert.isAtLeast(millisOf(ids[0]!), before)
    assert.isAtMost(millisOf(ids[0]!), Date.now())
    assert.deepStrictEqual(at(YEAR_3000, 1).map(millisOf), [YEAR_3000])
  })

  it("makes each greater than the one before: within a millisecond, past its end, and when the clock moves back", () => {
    const ids = [
      ...at(YEAR_3000 + 1, 100_000),
      ...at(YEAR_3000 + 2, 10),
      ...at(YEAR_3000, 10),
      ...at(YEAR_3000 + 3, 10)
    ]
    for (let i = 1; i < ids.length; i++) assert.isTrue(ids[i - 1]! < ids[i]!, `${ids[i - 1]} < ${ids[i]}`)
    assert.strictEqual(millisOf(ids.at(-1)!), YEAR_3000 + 3)
  })

  it("leaves the end of each to chance, and the beginning of the counter", () => {
    const ids = at(YEAR_3000 + 10, 10_000)
    assert.isAtLeast(new Set(ids.map((id) => id.slice(28))).size, 9_990)
    const counters = Array.from({ length: 1_000 }, (_, n) => at(YEAR_3000 + 20 + n, 1)[0]!.slice(14, 28))
    assert.strictEqual(new Set(counters).size, 1_000)
  })
})
