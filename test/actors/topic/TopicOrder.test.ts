import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { TopicOrder } from "../../../src/actors/topic/TopicOrder.ts"
import type { Publication } from "../../../src/domain/ports/Broker.ts"

const event = (seq: number): Publication => ({ topic: "t", event: "e", payload: "{}", seq, except: null })

/** An order, and the numbers it has delivered. */
const recorded = () => {
  const order = new TopicOrder()
  const got: Array<number | null> = []
  const deliver = ({ seq }: Publication) => void got.push(seq)
  return {
    order,
    got,
    accept: (...seqs: ReadonlyArray<number>) => {
      for (const seq of seqs) order.accept(event(seq), seq, deliver)
    },
    giveUp: () => order.giveUp(deliver)
  }
}

describe("TopicOrder", () => {
  it("begins anywhere, and passes on at once what comes in order", () => {
    const { accept, got, order } = recorded()
    accept(7, 8, 9)
    assert.deepStrictEqual(got, [7, 8, 9])
    assert.isFalse(order.isBehind)
  })

  it("holds what comes too early until what belongs before it has come", () => {
    const { accept, got, order } = recorded()
    accept(1, 4, 3)
    assert.deepStrictEqual(got, [1])
    assert.isTrue(order.isBehind)
    accept(2, 5)
    assert.deepStrictEqual(got, [1, 2, 3, 4, 5])
    assert.isFalse(order.isBehind)
  })

  it("waits for the event after the one it was told to start at", () => {
    const { accept, got, order } = recorded()
    order.startsAt(5)
    order.startsAt(2)
    accept(7)
    assert.deepStrictEqual(got, [])
    accept(6)
    assert.deepStrictEqual(got, [6, 7])
  })

  it("passes on late what it has given up", () => {
    const { accept, giveUp, got, order } = recorded()
    accept(1, 4, 3)
    assert.strictEqual(giveUp(), 4)
    assert.isFalse(order.isBehind)
    accept(2, 5)
    assert.deepStrictEqual(got, [1, 3, 4, 2, 5])
  })

  it("is behind what storage has, once it knows where it stands, until that came or is given up", () => {
    const { accept, giveUp, order } = recorded()
    order.reached(3)
    assert.isFalse(order.isBehind)
    order.startsAt(1)
    assert.isTrue(order.isBehind)
    accept(2, 3)
    assert.isFalse(order.isBehind)
    order.reached(9)
    order.reached(4)
    assert.isTrue(order.isBehind)
    assert.strictEqual(giveUp(), 9)
    assert.isFalse(order.isBehind)
  })

  it("holds a thousand events and not more", () => {
    const { accept, got } = recorded()
    accept(1, ...Array.from({ length: 1_001 }, (_, i) => i + 3))
    assert.strictEqual(got.length, 1_002)
  })

  it("delivers everything once and in order, however it was mixed on its way", () => {
    const mixed = fc.shuffledSubarray(
      Array.from({ length: 30 }, (_, i) => i + 1),
      { minLength: 30 }
    )
    fc.assert(
      fc.property(mixed, (seqs) => {
        const { accept, got, order } = recorded()
        order.startsAt(0)
        accept(...seqs)
        assert.deepStrictEqual(
          got,
          Array.from({ length: 30 }, (_, i) => i + 1)
        )
        assert.isFalse(order.isBehind)
      })
    )
  })
})
