/** The deployment files against the code: a variable that the service does not read, or a file that is not there. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { settings } from "../../src/layers/Settings.ts"

const root = join(import.meta.dirname, "../..")
const read = (path: string) => readFileSync(join(root, path), "utf8")

/** Of the images beside ours, and of the runtime. */
const foreign = /^(POSTGRES|GF)_|^NODE_ENV$/

const own = new Set(["APP_ENV", ...Object.values(settings).map(({ name }) => name)])

describe("The deployment files", () => {
  it("set only variables that the service reads", () => {
    const files = globSync("deploy/**/*.{yaml,yml}", { cwd: root }).filter(
      (path) => !path.includes("grafana/")
    )
    const texts = [...files, "deploy/Dockerfile"].map(read)
    const named = texts.flatMap((text) =>
      [...text.matchAll(/\b([A-Z][A-Z_]{3,})(?==|:(?: |$))|name: ([A-Z][A-Z_]{3,})\b/gm)].map(
        ([, key, name]) => key ?? name!
      )
    )
    assert.include(named, "NODE_HOST")
    assert.include(named, "JWT_JWKS_URL")
    assert.deepStrictEqual(
      named.filter((name) => !own.has(name) && !foreign.test(name)),
      []
    )
  })

  it("copy into the image what is there, and all that the service reads", () => {
    const copied = [...read("deploy/Dockerfile").matchAll(/^COPY (?!--)(\S+)/gm)].map(([, path]) => path!)
    for (const path of copied) assert.isTrue(existsSync(join(root, path)), path)
    assert.includeMembers(copied, ["src", "migrations", "proto", "web"])
  })

  it("run the node that the repository pins", () => {
    const pinned: string = JSON.parse(read("package.json")).devDependencies.node
    for (const [, major] of read("deploy/Dockerfile").matchAll(/^FROM node:(\d+)/gm)) {
      assert.strictEqual(major, pinned.split(".")[0])
    }
  })

  it("show on the dashboard only metrics that there are", () => {
    const dashboard: {
      readonly panels: ReadonlyArray<{ readonly targets: ReadonlyArray<{ readonly expr: string }> }>
    } = JSON.parse(read("deploy/grafana/dashboards/messaging-service.json"))
    const known = new Set([...read("docs/metrics.md").matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!))
    const shown = dashboard.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => expr.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? [])
    )
    assert.isAbove(shown.length, 20)
    assert.deepStrictEqual(
      shown.filter((name) => !known.has(name)),
      []
    )
  })
})
