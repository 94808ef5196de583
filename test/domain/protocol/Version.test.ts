import { assert, describe, it } from "@effect/vitest"
import { negotiate } from "../../../src/domain/protocol/Version.ts"

describe("Version", () => {
  it.each([
    [undefined, "1.0.0"],
    ["1.0.0", "1.0.0"],
    ["1.0.7", "1.0.0"],
    ["2.0.0", "2.0.0"],
    ["2.0.9", "2.0.0"],
    ["2.0.0+build.7", "2.0.0"],
    ["2.0.1-rc.1", "2.0.0"]
  ])("answers %s with version %s", (asked, spoken) => {
    assert.strictEqual(negotiate(asked)?.vsn, spoken)
  })

  it.each([
    "",
    "2",
    "2.0",
    "1.1.0",
    "1.5.0",
    "2.1.0",
    "3.0.0",
    "abc",
    "v2.0.0",
    "2.0.0.0",
    " 2.0.0",
    "02.0.0",
    "2.00.0",
    "2.0.0-rc.1",
    "0.9.9"
  ])("refuses %j", (asked) => assert.isUndefined(negotiate(asked)))
})
