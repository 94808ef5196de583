import { setImmediate as nextTurn } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { Outbox } from "../../../src/actors/session/Outbox.ts"
import { encoded } from "../../../src/actors/topic/SharedFrame.ts"
import { RecordingTransport } from "./RecordingTransport.ts"

const frame = (text: string) => encoded(text)
const of = (length: number) => encoded("x".repeat(length))

const make = (limits = { soft: 100, hard: 1000 }) => {
  const transport = new RecordingTransport()
  return { transport, outbox: new Outbox(transport, limits) }
}

describe("Outbox", () => {
  it("writes all of one turn at once, in order", async () => {
    const { outbox, transport } = make()
    const other = make()
    outbox.push(frame("a"), false)
    other.outbox.push(frame("z"), false)
    outbox.push(frame("b"), true)
    assert.deepStrictEqual(transport.writes, [])
    await nextTurn()
    outbox.push(frame("c"), false)
    await nextTurn()
    assert.deepStrictEqual(transport.writes, [["a", "b"], ["c"]])
    assert.deepStrictEqual(other.transport.writes, [["z"]])
  })

  it("past the soft limit drops ephemeral frames, counts them, and keeps the others", async () => {
    const { outbox, transport } = make()
    assert.isTrue(outbox.push(of(90), false))
    assert.isFalse(outbox.push(of(11), true))
    assert.isTrue(outbox.push(of(10), true))
    assert.isTrue(outbox.push(of(11), false))
    assert.strictEqual(outbox.dropped, 1)
    await nextTurn()
    assert.deepStrictEqual(
      transport.texts.map((text) => text.length),
      [90, 10, 11]
    )
  })

  it("counts what the peer has not read against the limits", () => {
    const { outbox, transport } = make()
    transport.unread = 99
    outbox.push(of(1), false)
    outbox.flush()
    assert.isTrue(outbox.push(of(1), true))
    assert.isFalse(outbox.push(of(1), true))
    transport.unread = 998
    assert.isTrue(outbox.push(of(1), false))
    assert.deepStrictEqual(transport.closes, [])
    assert.isFalse(outbox.push(of(1), false))
    assert.deepStrictEqual(transport.closes, [{ code: 1013, reason: "slow reader" }])
  })

  it("closes a slow reader without writing more to it, once, and takes nothing afterwards", async () => {
    const { outbox, transport } = make()
    outbox.push(of(600), false)
    outbox.push(of(600), false)
    assert.isFalse(outbox.push(of(1), false))
    outbox.close(1001, "late")
    await nextTurn()
    assert.deepStrictEqual(transport.writes, [])
    assert.deepStrictEqual(transport.closes, [{ code: 1013, reason: "slow reader" }])
  })

  it("hands a peer that keeps up one frame of any size, so that the largest message reaches it", async () => {
    const { outbox, transport } = make()
    assert.isTrue(outbox.push(of(5_000), false))
    await nextTurn()
    assert.strictEqual(transport.texts.length, 1)
    assert.deepStrictEqual(transport.closes, [])
  })

  it("writes what is due before it closes for any other reason", () => {
    const { outbox, transport } = make()
    outbox.push(frame("last"), false)
    outbox.close(1012, "draining")
    assert.deepStrictEqual(transport.writes, [["last"]])
    assert.deepStrictEqual(transport.closes, [{ code: 1012, reason: "draining" }])
  })

  it("tells when a peer that lost frames has read the rest", async () => {
    const { outbox, transport } = make()
    let told = 0
    outbox.onCaughtUp(() => told++)
    transport.drain()
    assert.strictEqual(told, 0, "nothing was lost")
    outbox.push(of(100), false)
    outbox.push(of(1), true)
    transport.unread = 100
    await nextTurn()
    assert.strictEqual(told, 0, "it has not read the rest")
    transport.drain()
    transport.drain()
    assert.strictEqual(told, 1)
  })

  it("tells it too when the rest was read before the transport could say so", async () => {
    const { outbox } = make()
    let told = 0
    outbox.onCaughtUp(() => told++)
    outbox.push(of(100), false)
    outbox.push(of(1), true)
    await nextTurn()
    assert.strictEqual(told, 1)
  })

  it("does not tell it after a close", () => {
    const { outbox, transport } = make()
    let told = 0
    outbox.onCaughtUp(() => told++)
    transport.unread = 100
    outbox.push(of(1), true)
    outbox.close(1012, "draining")
    transport.drain()
    assert.strictEqual(told, 0)
  })
})
