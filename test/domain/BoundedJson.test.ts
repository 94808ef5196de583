import { assert, describe, it } from "@effect/vitest"
import type { Schema } from "effect"
import { MAX_DEPTH, refusal } from "../../src/domain/BoundedJson.ts"

const nested = (levels: number): Schema.Json => {
  let json: Schema.Json = "inside"
  for (let i = 0; i < levels; i++) json = i % 2 === 0 ? [json] : { json }
  return json
}

describe("BoundedJson", () => {
  it("takes what clients send", () => {
    for (const json of [
      {},
      [],
      null,
      1,
      "text",
      "emoji 🙂",
      { mentions: ["a"], a: { b: [1, null, true] } }
    ]) {
      assert.isUndefined(refusal(json))
    }
  })

  it("takes the deepest that is allowed and nothing deeper, however deep that is", () => {
    assert.isUndefined(refusal(nested(MAX_DEPTH)))
    assert.isString(refusal(nested(MAX_DEPTH + 1)))
    assert.isString(refusal(nested(100_000)))
  })

  it("refuses text that no database holds, in values and in keys", () => {
    for (const text of ["\u0000", "a\u0000b", "\ud800", "\udc00\ud800"]) {
      assert.isString(refusal({ key: [text] }))
      assert.isString(refusal({ [text]: 1 }))
    }
  })
})
