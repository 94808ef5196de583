import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { decodeBinaryPush } from "../../../src/domain/protocol/BinaryPush.ts"
import { hasBinaryPayload } from "../../../src/domain/protocol/Frame.ts"
import { v2 } from "../../../src/domain/protocol/V2.ts"

const push = (joinRef: string, ref: string, topic: string, event: string, data: Uint8Array): Buffer => {
  const fields = [joinRef, ref, topic, event].map((text) => Buffer.from(text))
  return Buffer.concat([Buffer.from([0, ...fields.map((field) => field.length)]), ...fields, data])
}

/** A field holds up to 255 bytes of UTF-8: here up to 80 code units of up to three bytes each. */
const field = fc
  .string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 80 })
  .map((text) => text.toWellFormed())

describe("BinaryPush", () => {
  it("decodes the frame captured from the official client", () => {
    const frame = Buffer.concat([
      Buffer.from([0x00, 0x01, 0x02, 0x06, 0x03]),
      Buffer.from("312room:abin"),
      Buffer.from([0x01, 0x02])
    ])
    const decoded = v2.decodeBinary(frame)
    assert.deepStrictEqual(decoded, {
      joinRef: "3",
      ref: "12",
      topic: "room:a",
      event: "bin",
      payload: Buffer.from([1, 2])
    })
    assert.isTrue(decoded !== undefined && hasBinaryPayload(decoded))
  })

  it("decodes any push; a join_ref of no length is null", () => {
    fc.assert(
      fc.property(field, field, field, field, fc.uint8Array(), (joinRef, ref, topic, event, data) => {
        const decoded = decodeBinaryPush(push(joinRef, ref, topic, event, data))
        assert.deepStrictEqual(
          { ...decoded, payload: Array.from(decoded?.payload as Uint8Array) },
          { joinRef: joinRef === "" ? null : joinRef, ref, topic, event, payload: Array.from(data) }
        )
      })
    )
  })

  it("takes every frame that is cut short within its names for undecodable", () => {
    const whole = push("1", "2", "räum:ä", "event", new Uint8Array())
    assert.isDefined(decodeBinaryPush(whole))
    for (let length = 0; length < whole.length; length++) {
      assert.isUndefined(decodeBinaryPush(whole.subarray(0, length)), `${length} bytes`)
    }
  })

  it("takes the kinds that only servers send, and unknown ones, for undecodable", () => {
    for (const kind of [1, 2, 3, 255]) {
      const frame = push("1", "2", "t", "e", new Uint8Array())
      frame[0] = kind
      assert.isUndefined(decodeBinaryPush(frame))
    }
  })

  it("takes names that are not UTF-8 for undecodable, and leaves the payload alone", () => {
    assert.isUndefined(decodeBinaryPush(Buffer.from([0, 0, 1, 1, 1, 0x31, 0xff, 0x65])))
    assert.isDefined(decodeBinaryPush(Buffer.from([0, 0, 1, 1, 1, 0x31, 0x74, 0x65, 0xff])))
  })

  it("never throws, whatever the bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodeBinaryPush(bytes)))
  })
})
