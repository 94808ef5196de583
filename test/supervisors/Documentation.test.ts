import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"

const root = new URL("../..", import.meta.url)

describe("docs/supervision.md", () => {
  it("draws the tree of the example as it runs", async () => {
    const page = await readFile(new URL("docs/supervision.md", root), "utf8")
    const drawn = page.split("```")[1]?.trim()
    const { stdout } = await promisify(execFile)(process.execPath, ["examples/supervise-your-own.ts"], {
      cwd: root
    })
    assert.isDefined(drawn)
    assert.include(stdout, drawn)
    assert.match(stdout, /WeatherStation\/Probes\/cellar was restarted \d+ times/)
    assert.include(stdout, "roof: 21 degrees\ncellar: 12 degrees\n")
  })
})
