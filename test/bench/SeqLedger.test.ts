import { assert, describe, it } from "@effect/vitest"
import { SeqLedger } from "../../bench/load/SeqLedger.ts"

/** Members 0 and 1 of one conversation. */
const conversationOfTwo = () => new SeqLedger([0, 0])

describe("SeqLedger", () => {
  it("finds nothing in an orderly conversation", () => {
    const ledger = conversationOfTwo()
    ledger.acknowledged(0, 1000, 1)
    ledger.acknowledged(1, 1001, 2)
    for (const member of [0, 1]) for (const seq of [1, 2]) ledger.delivered(member, seq)
    assert.deepStrictEqual([ledger.disorders, ledger.forks, ledger.missing()], [0, 0, 0])
  })

  it("counts a gap in what a member sees as a disorder", () => {
    const ledger = conversationOfTwo()
    ledger.delivered(0, 1)
    ledger.delivered(0, 3)
    assert.strictEqual(ledger.disorders, 1)
  })

  it("counts a number seen twice as a disorder", () => {
    const ledger = conversationOfTwo()
    ledger.delivered(0, 1)
    ledger.delivered(0, 1)
    assert.strictEqual(ledger.disorders, 1)
  })

  it("counts numbers that do not rise with one sender's sends as a disorder", () => {
    const ledger = conversationOfTwo()
    ledger.acknowledged(0, 1001, 1)
    ledger.acknowledged(0, 1002, 3)
    ledger.acknowledged(0, 1003, 2)
    assert.strictEqual(ledger.disorders, 1)
  })

  it("accepts acknowledgements that arrive late, if their numbers fit", () => {
    const ledger = conversationOfTwo()
    ledger.acknowledged(0, 1002, 2)
    ledger.acknowledged(0, 1001, 1)
    assert.strictEqual(ledger.disorders, 0)
  })

  it("counts a number given twice as a fork", () => {
    const ledger = conversationOfTwo()
    ledger.acknowledged(0, 1000, 1)
    ledger.acknowledged(1, 1001, 1)
    assert.strictEqual(ledger.forks, 1)
  })

  it("counts an acknowledged number once for every member that has not seen it", () => {
    const ledger = conversationOfTwo()
    ledger.acknowledged(0, 1000, 1)
    assert.strictEqual(ledger.missing(), 2)
    ledger.delivered(1, 1)
    assert.strictEqual(ledger.missing(), 1)
  })
})
