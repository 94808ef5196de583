import { assert, describe, it } from "@effect/vitest"
import { RepeatedRefusals } from "../../../src/layers/audit/RepeatedRefusals.ts"

const refused = (n: number) =>
  ({ action: "token.refused", outcome: "refused", address: `192.0.2.${n}` }) as const

describe("RepeatedRefusals", () => {
  it("counts anew after it was asked", () => {
    const repeated = new RepeatedRefusals()
    const admitted = () =>
      Array.from({ length: 12 }, () => repeated.admits(refused(1))).filter(Boolean).length
    for (let minute = 0; minute < 2; minute++) {
      assert.strictEqual(admitted(), 10)
      assert.deepInclude(repeated.take()[0], { ...refused(1), details: { repeated: 2 } })
      assert.deepStrictEqual(repeated.take(), [])
    }
  })

  it("tells so many kinds apart, and counts the others together", () => {
    const repeated = new RepeatedRefusals()
    let admitted = 0
    for (let n = 0; n < 20_000; n++) if (repeated.admits(refused(n))) admitted++
    assert.strictEqual(admitted, 5_000)
    assert.deepStrictEqual(repeated.take(), [
      { action: "token.refused", outcome: "refused", details: { repeated: 15_000 } }
    ])
  })
})
