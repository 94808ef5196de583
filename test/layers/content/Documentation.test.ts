import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { makeRules } from "../../../src/layers/content/ContentRules.ts"

it("docs/content-policy.md shows the rules as they are", () => {
  const page = readFileSync("docs/content-policy.md", "utf8")
  const rows = page.split("\n").filter((line) => line.startsWith("| `"))
  assert.deepStrictEqual(
    rows,
    Object.entries(makeRules([])).map(([name, { mode, what }]) => `| \`${name}\` | \`${mode}\` | ${what} |`)
  )
})
