import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { SendMessage } from "../../src/domain/Commands.ts"
import { decoder } from "../../src/domain/Decode.ts"
import { decodeSend } from "../../src/domain/PlainMessage.ts"

const bySchema = decoder(SendMessage)

const contents = [undefined, "", "text", "\u0000", "\ud800", 1, null, {}, ["text"]]
const numbers = [undefined, 0, -0, 1, 2 ** 53 - 1, 2 ** 53, -1, 0.5, "1", null, Number.NaN, Infinity]
const others = [
  {},
  { metadata: { a: 1 } },
  { metadata: null },
  { message_type: "media" },
  { message_type: "system" },
  { reply_to_id: null },
  { reply_to_id: "no id" },
  { expires_in: 10 },
  { expires_in: 0 },
  { attachments: [] },
  { unknown: true },
  JSON.parse('{"__proto__": {"metadata": 1}}') as object
]

const withoutUndefined = (entries: object): object =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined))

describe("decodeSend", () => {
  it("says of every payload what the schema says", () => {
    let accepted = 0
    for (const content of contents) {
      for (const client_random of numbers) {
        for (const other of others) {
          const payload = { ...withoutUndefined({ content, client_random }), ...other }
          const expected = bySchema(payload)
          assert.deepStrictEqual(decodeSend(payload), expected)
          if (Result.isSuccess(expected)) accepted++
        }
      }
    }
    assert.isAbove(accepted, 50)
    for (const payload of [undefined, null, 1, "text", [], ["text", 1], {}]) {
      assert.deepStrictEqual(decodeSend(payload), bySchema(payload))
    }
  })
})
