import type { Writable } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as ws from "ws"
import { encoded, SharedFrame, webSocketTextFrame } from "../../../src/actors/topic/SharedFrame.ts"
import { v1 } from "../../../src/domain/protocol/V1.ts"
import { v2 } from "../../../src/domain/protocol/V2.ts"

/** The parser of `ws`, which its types leave out. */
const { Receiver } = ws as unknown as {
  readonly Receiver: new (options: { readonly isServer: boolean }) => Writable
}

/** What a client's parser reads from the bytes. */
const parse = (bytes: Buffer): ReadonlyArray<string> => {
  const messages: Array<string> = []
  const receiver = new Receiver({ isServer: false })
  receiver.on("message", (data: Buffer, isBinary: boolean) => {
    assert.isFalse(isBinary)
    messages.push(data.toString())
  })
  receiver.write(bytes)
  return messages
}

describe("SharedFrame", () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])(
    "frames a text of %i bytes as RFC 6455 has it",
    (length) => {
      const text = "a".repeat(length)
      const bytes = webSocketTextFrame(text)
      assert.deepStrictEqual(parse(bytes), [text])
      assert.strictEqual(bytes.length, length + (length < 126 ? 2 : length < 65_536 ? 4 : 10))
    }
  )

  it("counts bytes, not characters", () => {
    // 126 bytes in 42 characters, 65 536 bytes in 32 768.
    for (const text of ["€".repeat(42), "é".repeat(32_768), "👩‍🚀", "\u0000"]) {
      assert.deepStrictEqual(parse(webSocketTextFrame(text)), [text])
    }
  })

  it("frames any text so that frames may follow each other in one write", () => {
    const text = fc.string({ unit: "grapheme-composite", maxLength: 300 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        assert.deepStrictEqual(parse(Buffer.concat([webSocketTextFrame(a), webSocketTextFrame(b)])), [a, b])
      })
    )
  })

  it("is encoded once per version, whoever asks", () => {
    let encodings = 0
    const counting = (serializer: typeof v2): typeof v2 => ({
      ...serializer,
      broadcast: (...args) => {
        encodings++
        return serializer.broadcast(...args)
      }
    })
    const frame = new SharedFrame("t", "e", '{"a":1}')
    const first = frame.for(counting(v2))
    assert.strictEqual(frame.for(counting(v2)), first)
    assert.strictEqual(frame.for(counting(v1)), frame.for(counting(v1)))
    assert.strictEqual(encodings, 2)
    assert.strictEqual(first.text, '[null,null,"t","e",{"a":1}]')
    assert.strictEqual(frame.for(v1).text, '{"topic":"t","event":"e","payload":{"a":1},"ref":null}')
  })

  it("hands every socket the same bytes", () => {
    const frame = encoded("text")
    assert.strictEqual(frame.bytes, frame.bytes)
  })
})
