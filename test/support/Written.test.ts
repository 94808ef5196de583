import { assert, describe, it } from "@effect/vitest"
import * as Written from "./Written.ts"

describe("Written", () => {
  it("finds in a log what was written, where it is long enough to be nobody else's words", () => {
    Written.note({ content: "meet me at nine" })
    Written.note({ content: "short" })
    for (const other of [undefined, null, "text", { content: 7 }, {}]) Written.note(other)
    assert.strictEqual(Written.findIn("INFO sent: meet me at nine, to bob"), "meet me at nine")
    assert.isUndefined(Written.findIn("INFO short of memory"))
  })
})
