import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { FrameParser, Opcode } from "../../bench/load/FrameParser.ts"
import { webSocketTextFrame } from "../../src/actors/topic/SharedFrame.ts"

/** Parses the stream cut into chunks of `size`, in a buffer overwritten after each. */
const parse = (stream: Buffer, size: number): ReadonlyArray<readonly [number, string]> => {
  const frames: Array<readonly [number, string]> = []
  const parser = new FrameParser((opcode, buffer, start, end) => {
    frames.push([opcode, buffer.toString("utf8", start, end)])
  })
  const shared = Buffer.alloc(size)
  for (let at = 0; at < stream.length; at += size) {
    const length = stream.copy(shared, 0, at, at + size)
    parser.push(shared, length)
    shared.fill(0)
  }
  return frames
}

describe("FrameParser", () => {
  it("finds every frame however the stream is cut", () => {
    const texts = fc.array(fc.string({ unit: "grapheme", maxLength: 400 }), { maxLength: 20 })
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 300 }), (sent, size) => {
        const received = parse(Buffer.concat(sent.map(webSocketTextFrame)), size)
        assert.deepStrictEqual(
          received,
          sent.map((text) => [Opcode.text, text])
        )
      })
    )
  })

  it("reads all three widths of the length", () => {
    for (const length of [125, 126, 65_535, 65_536]) {
      const text = "x".repeat(length)
      assert.deepStrictEqual(parse(webSocketTextFrame(text), 1000), [[Opcode.text, text]])
    }
  })

  it("refuses a fragmented message", () => {
    const fragment = Buffer.from([Opcode.text, 1, 0x61])
    assert.throws(() => new FrameParser(() => undefined).push(fragment, fragment.length), /fragmented/)
  })
})
