import { assert, describe, it } from "@effect/vitest"
import { parseOptions, scenarioNames, serverNames } from "../../bench/options.ts"

describe("the options of the bench", () => {
  it("select everything unless told otherwise", () => {
    const options = parseOptions([])
    assert.deepStrictEqual(options, {
      scenarios: scenarioNames,
      servers: serverNames,
      quick: false,
      json: false,
      help: false
    })
  })

  it("select what is named, in the order the bench runs it", () => {
    const options = parseOptions([
      "--only",
      "storm",
      "--only=fanout",
      "--server",
      "floor",
      "--quick",
      "--json"
    ])
    assert.deepStrictEqual(options.scenarios, ["fanout", "storm"])
    assert.deepStrictEqual(options.servers, ["floor"])
    assert.isTrue(options.quick && options.json)
  })

  it("name what cannot be", () => {
    assert.throws(() => parseOptions(["--only", "everything"]), /--only everything: must be one of fanout/)
    assert.throws(() => parseOptions(["--fast"]), /--fast/)
  })
})
