import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { v2 } from "../../../src/domain/protocol/V2.ts"

/** Any UTF-16, lone surrogates included. */
const name = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) })
const ref = fc.oneof(fc.constant(null), name, fc.integer())
/** As `JSON.parse` gives it: no `-0`, which has no JSON text of its own. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)))

describe("V2", () => {
  it("decodes what the specification shows", () => {
    assert.deepStrictEqual(v2.decode('["3","5","room:a","err",{"x":1}]'), {
      joinRef: "3",
      ref: "5",
      topic: "room:a",
      event: "err",
      payload: { x: 1 }
    })
  })

  it("gives back what was encoded, for any refs, names and payload", () => {
    fc.assert(
      fc.property(ref, ref, name, name, json, (joinRef, ref, topic, event, payload) => {
        const text = JSON.stringify([joinRef, ref, topic, event, payload])
        assert.deepStrictEqual(v2.decode(text), { joinRef, ref, topic, event, payload })
      })
    )
  })

  it("ignores elements past the fifth", () => {
    assert.strictEqual(v2.decode('[null,"1","t","e",{},7,{}]')?.event, "e")
  })

  it.each([
    ["no JSON", '["1","1","t","e",{}'],
    ["nothing", ""],
    ["a short array", '["1","1","t","e"]'],
    ["an object, as V1 sends", '{"topic":"t","event":"e","payload":{},"ref":"1"}'],
    ["a scalar", "1"],
    ["null", "null"],
    ["a topic that is no string", '["1","1",7,"e",{}]'],
    ["an event that is no string", '["1","1","t",null,{}]'],
    ["a ref that is an object", '["1",{},"t","e",{}]'],
    ["a join_ref that is a boolean", '[true,"1","t","e",{}]']
  ])("takes %s for undecodable", (_what, text) => {
    assert.isUndefined(v2.decode(text))
  })

  it("never throws, whatever the text", () => {
    const text = fc.oneof(
      name,
      json.map((v) => JSON.stringify([v, v, v, v, v]))
    )
    fc.assert(fc.property(text, (input) => void v2.decode(input)))
  })

  it("writes replies, pushes and broadcasts as Phoenix does", () => {
    assert.strictEqual(
      v2.reply("3", "5", "room:a", "error", '{"x":1}'),
      '["3","5","room:a","phx_reply",{"status":"error","response":{"x":1}}]'
    )
    assert.strictEqual(
      v2.push("3", null, "room:a", "presence_state", "{}"),
      '["3",null,"room:a","presence_state",{}]'
    )
    assert.strictEqual(v2.push("3", "3", "room:a", "phx_close", "{}"), '["3","3","room:a","phx_close",{}]')
    assert.strictEqual(
      v2.broadcast("room:a", "shout", '{"m":"hi"}'),
      '[null,null,"room:a","shout",{"m":"hi"}]'
    )
  })

  it("writes valid JSON that carries refs and names verbatim", () => {
    fc.assert(
      fc.property(ref, ref, name, name, json, (joinRef, ref, topic, event, payload) => {
        const text = JSON.stringify(payload)
        assert.deepStrictEqual(JSON.parse(v2.reply(joinRef, ref, topic, "ok", text)), [
          joinRef,
          ref,
          topic,
          "phx_reply",
          { status: "ok", response: payload }
        ])
        assert.deepStrictEqual(JSON.parse(v2.push(joinRef, ref, topic, event, text)), [
          joinRef,
          ref,
          topic,
          event,
          payload
        ])
        assert.deepStrictEqual(JSON.parse(v2.broadcast(topic, event, text)), [
          null,
          null,
          topic,
          event,
          payload
        ])
      })
    )
  })
})
