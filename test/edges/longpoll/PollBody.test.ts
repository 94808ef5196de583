import { assert, describe, it } from "@effect/vitest"
import { v1 } from "../../../src/domain/protocol/V1.ts"
import { v2 } from "../../../src/domain/protocol/V2.ts"
import { decodeBody } from "../../../src/edges/longpoll/PollBody.ts"

const NDJSON = "application/x-ndjson"
const line = (ref: number) => `[null,"${ref}","phoenix","heartbeat",{}]`
const refs = (body: string, type: string | undefined = NDJSON) =>
  decodeBody(body, type, v2).map((frame) => frame?.ref)

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

  it("takes 100 frames and ignores those after them", () => {
    const lines = Array.from({ length: 120 }, (_, n) => line(n))
    assert.deepStrictEqual(
      refs(lines.join("\n")),
      Array.from({ length: 100 }, (_, n) => String(n))
    )
  })

  it("takes a line of base64 for a binary push", () => {
    const push = Buffer.from([0, 1, 1, 1, 1, 0x33, 0x34, 0x74, 0x65, 0xff]).toString("base64")
    const [frame] = decodeBody(push, NDJSON, v2)
    assert.deepInclude(frame, { joinRef: "3", ref: "4", topic: "t", event: "e" })
    assert.deepStrictEqual(frame?.payload, Buffer.from([0xff]))
  })

  it("ends at the first line that is no frame", () => {
    for (const bad of ["[", "{}", "AAA", "A===", "AAAA AAAA", "%%%%", "AQ=="]) {
      assert.deepStrictEqual(refs(`${line(1)}\n${bad}\n${line(2)}`), ["1", undefined], bad)
    }
  })

  it("reads V1's objects as well", () => {
    const frames = decodeBody('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}', NDJSON, v1)
    assert.deepStrictEqual(
      frames.map((frame) => frame?.ref),
      ["1"]
    )
  })
})
