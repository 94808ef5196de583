import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { v1 } from "../../../src/domain/protocol/V1.ts"

/** Any UTF-16, lone surrogates included. */
const text16 = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) })

describe("V1", () => {
  it("decodes a frame with and without join_ref, ref null included", () => {
    const text = '{"topic":"room:v1","event":"phx_join","payload":{},"ref":"2"}'
    const frame = { joinRef: null, ref: "2", topic: "room:v1", event: "phx_join", payload: {} }
    assert.deepStrictEqual(v1.decode(text), frame)
    assert.deepStrictEqual(v1.decode('{"join_ref":"1","ref":null,"topic":"t","event":"e","payload":[]}'), {
      joinRef: "1",
      ref: null,
      topic: "t",
      event: "e",
      payload: []
    })
  })

  it.each(["topic", "event", "payload", "ref"])("takes a frame without %s for undecodable", (key) => {
    const frame: Record<string, unknown> = { topic: "t", event: "e", payload: {}, ref: "1" }
    assert.isDefined(v1.decode(JSON.stringify(frame)))
    delete frame[key]
    assert.isUndefined(v1.decode(JSON.stringify(frame)))
  })

  it.each([
    "",
    "{",
    "null",
    "7",
    '"text"',
    '["1","1","t","e",{}]',
    '{"topic":1,"event":"e","payload":{},"ref":"1"}'
  ])("takes %j for undecodable", (text) => assert.isUndefined(v1.decode(text)))

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          text16,
          fc.jsonValue().map((v) => JSON.stringify(v))
        ),
        (text) => void v1.decode(text)
      )
    )
  })

  it("reads a binary message as the text it holds", () => {
    const text = '{"topic":"é","event":"e","payload":{},"ref":"1"}'
    assert.deepStrictEqual(v1.decodeBinary(Buffer.from(text)), v1.decode(text))
    assert.isUndefined(v1.decodeBinary(Buffer.from([0x7b, 0xff, 0x7d])))
  })

  it("never shows a join_ref", () => {
    assert.strictEqual(
      v1.reply("9", "2", "room:v1", "ok", "{}"),
      '{"topic":"room:v1","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"2"}'
    )
    assert.strictEqual(
      v1.push("9", null, "t", "new_message", '{"a":1}'),
      '{"topic":"t","event":"new_message","payload":{"a":1},"ref":null}'
    )
    assert.strictEqual(v1.broadcast("t", "e", "{}"), '{"topic":"t","event":"e","payload":{},"ref":null}')
  })
})
