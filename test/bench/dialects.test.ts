import { assert, describe, it } from "@effect/vitest"
import type { Dialect } from "../../bench/load/dialects/Dialect.ts"
import { phoenix } from "../../bench/load/dialects/phoenix.ts"
import { socketio } from "../../bench/load/dialects/socketio.ts"
import { sentAt, seqOf, stampedContent } from "../../bench/load/stamp.ts"
import { message } from "../../bench/support/message.ts"

const CONVERSATION = "conversation:018f0000-0000-7000-8000-000000000001"
const sent = message(CONVERSATION, 42, stampedContent(1234.5), 1000)

/** Reads a frame that lies in the midst of a shared buffer, between remains of others. */
const within = (text: string) => {
  const before = Buffer.from(`"seq":7,"content":"0000000000000001`)
  const frame = Buffer.from(text)
  return {
    buffer: Buffer.concat([before, frame, before]),
    start: before.length,
    end: before.length + frame.length
  }
}

const read = (dialect: Dialect, text: string) => {
  const { buffer, start, end } = within(text)
  return dialect.read(buffer, start, end)
}

describe("the Phoenix dialect", () => {
  const delivery = JSON.stringify([null, null, CONVERSATION, "new_message", sent])

  it("takes a new message of a conversation for a delivery, and nothing else", () => {
    assert.strictEqual(read(phoenix, delivery), "delivery")
    assert.strictEqual(
      read(phoenix, JSON.stringify([null, null, CONVERSATION, "presence_diff", {}])),
      "other"
    )
    assert.strictEqual(
      read(
        phoenix,
        JSON.stringify([null, null, CONVERSATION.replace("conversation", "user"), "new_message", sent])
      ),
      "other"
    )
    assert.strictEqual(
      read(phoenix, JSON.stringify(["1", null, CONVERSATION, "presence_state", {}])),
      "other"
    )
  })

  it("reads the number or the reason of a reply", () => {
    const ok = JSON.stringify([
      "2",
      "1000",
      CONVERSATION,
      "phx_reply",
      { status: "ok", response: { seq: 7 } }
    ])
    assert.deepStrictEqual(read(phoenix, ok), { ref: 1000, seq: 7, reason: undefined })
    const refused = JSON.stringify([
      "2",
      "1001",
      CONVERSATION,
      "phx_reply",
      { status: "error", response: { reason: "overloaded" } }
    ])
    assert.deepStrictEqual(read(phoenix, refused), { ref: 1001, seq: undefined, reason: "overloaded" })
  })

  it("finds the stamp and the number of a delivery within its own range", () => {
    const { buffer, start, end } = within(delivery)
    assert.strictEqual(sentAt(buffer, start, end), 1234)
    assert.strictEqual(seqOf(buffer, start, end), 42)
    assert.strictEqual(seqOf(buffer, start, start + 20), undefined)
  })

  it("sends what the service reads: a push whose ref is the idempotency key", () => {
    assert.deepStrictEqual(JSON.parse(phoenix.send(CONVERSATION, 2, 1000, "hi")), [
      "2",
      "1000",
      CONVERSATION,
      "send_message",
      { content: "hi", client_random: 1000 }
    ])
  })
})

describe("the Socket.IO dialect", () => {
  it("tells the packets of Engine.IO and Socket.IO apart", () => {
    assert.strictEqual(read(socketio, `0{"sid":"x","pingInterval":25000}`), "other")
    assert.strictEqual(read(socketio, `40{"sid":"x"}`), "ready")
    assert.strictEqual(read(socketio, "2"), "ping")
    assert.strictEqual(read(socketio, `42${JSON.stringify(["new_message", sent])}`), "delivery")
    assert.deepStrictEqual(read(socketio, `431000[{"status":"ok","seq":7}]`), {
      ref: 1000,
      seq: 7,
      reason: undefined
    })
  })
})
