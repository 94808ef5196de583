import { assert, describe, it } from "@effect/vitest"
import { v1 } from "../../../src/domain/protocol/V1.ts"
import { v2 } from "../../../src/domain/protocol/V2.ts"
import { decodeBody } from "../../../src/edges/longpoll/PollBody.ts"

const NDJSON = "application/x-ndjson"
const line = (ref: number) => `[null,"${ref}","phoenix","heartbeat",{}]`
const refs = (body: string, type: string | undefined = NDJSON) =>
  Array.from(decodeBody(body, type, v2), (frame) => frame?.ref)

describe("PollBody", () => {
  it("is one frame a line, blank lines aside", () => {
    assert.deepStrictEqual(refs(`${line(1)}\n${line(2)}`), ["1", "2"])
    assert.deepStrictEqual(refs(`\n${line(1)}\r\n\r\n${line(2)}\n`), ["1", "2"])
    assert.deepStrictEqual(refs(line(1), "application/x-ndjson; charset=utf-8"), ["1"])
    assert.deepStrictEqual(refs(""), [])
  })

  it("is one text frame in any other content type", () => {
    assert.deepStrictEqual(refs(line(1), "application/json"), ["1"])
    assert.deepStrictEqual(refs(line(1), undefined), ["1"])
    assert.deepStrictEqual(refs(`${line(1)}\n${line(2)}`, "text/plain"), [undefined])
  })

  it("may hold more frames than newer clients put into one", () => {
    const numbers = Array.from({ length: 250 }, (_, n) => n)
    assert.deepStrictEqual(refs(numbers.map(line).join("\n")), numbers.map(String))
  })

  it("takes a line of base64 for a binary push", () => {
    const push = Buffer.from([0, 1, 1, 1, 1, 0x33, 0x34, 0x74, 0x65, 0xff]).toString("base64")
    const [frame] = decodeBody(push, NDJSON, v2)
    assert.deepInclude(frame, { joinRef: "3", ref: "4", topic: "t", event: "e" })
    assert.deepStrictEqual(frame?.payload, Buffer.from([0xff]))
  })

  it("tells which line is no frame", () => {
    for (const bad of ["[", "{}", "AAA", "A===", "AAAA AAAA", "%%%%", "AQ=="]) {
      assert.deepStrictEqual(refs(`${line(1)}\n${bad}\n${line(2)}`), ["1", undefined, "2"], bad)
    }
  })

  it("reads V1's objects as well", () => {
    const frames = Array.from(
      decodeBody('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}', NDJSON, v1)
    )
    assert.deepStrictEqual(
      frames.map((frame) => frame?.ref),
      ["1"]
    )
  })
})
