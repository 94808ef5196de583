/** docs/redis.md names every key and channel that the code uses, and no other. */
import { globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

/** `messaging:presence:{topic}` and `messaging:presence:${topic}` name the same: the fixed part up to what varies. */
const prefixOf = (key: string): string => key.replace(/[{$].*$/, "").replace(/:$/, "")

const keysIn = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/["'`](messaging:[^\s"'`*]+)/g), ([, key]) => prefixOf(key!))

describe("docs/redis.md", () => {
  const used = new Set(globSync("src/layers/**/*.ts").flatMap((path) => keysIn(readFileSync(path, "utf8"))))
  const documented = new Set(
    readFileSync("docs/redis.md", "utf8")
      .split("\n")
      .flatMap((line) => (/^\| `messaging:/.test(line) ? keysIn(line.slice(0, line.indexOf("|", 2))) : []))
  )

  it("lists every key and channel of the code", () => {
    const isDocumented = (key: string) =>
      Array.from(documented).some((known) => known === key || known.startsWith(`${key}:`))
    assert.deepStrictEqual(
      Array.from(used).filter((key) => !isDocumented(key)),
      []
    )
  })

  it("is true of code that never asks for all keys at once", () => {
    for (const path of globSync("src/**/*.ts")) {
      assert.notMatch(readFileSync(path, "utf8"), /"(?:KEYS|FLUSHALL|FLUSHDB|SMEMBERS)"/, path)
    }
  })

  it("lists nothing that is not there", () => {
    const isUsed = (key: string) =>
      Array.from(used).some((known) => key === known || key.startsWith(`${known}:`))
    assert.deepStrictEqual(
      Array.from(documented).filter((key) => !isUsed(key)),
      []
    )
  })
})
