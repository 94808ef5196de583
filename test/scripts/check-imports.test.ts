import { execFile } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TempDir from "../support/TempDir.ts"

const script = join(import.meta.dirname, "../../scripts/check-imports.mjs")

const check = (files: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const root = yield* TempDir.make("imports")
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return yield* Effect.callback<{ readonly failed: boolean; readonly output: string }>((resume) => {
      execFile(process.execPath, [script, root], (error, stdout, stderr) =>
        resume(Effect.succeed({ failed: error !== null, output: stdout + stderr }))
      )
    })
  })

/** Files that break a rule on their second line. */
const refused = {
  "src/actors/UsesEdge.ts": `import type { T } from "../edges/E.ts"`,
  "src/edges/UsesLayer.ts": `export { T } from "../layers/L.ts"`,
  "src/layers/UsesActor.ts": `const load = () => import("../actors/Other.ts")`,
  "src/layers/UsesEdgeInType.ts": `type T = import("../edges/E.ts").T`,
  "src/layers/UsesEdgeAsWorker.ts": `new Worker(new URL("../edges/E.ts", import.meta.url))`,
  "src/domain/ReadsFiles.ts": `import { readFileSync } from "node:fs"`,
  "src/domain/UsesPlatform.ts": `import { FileSystem } from "effect"`,
  "src/domain/SpeaksSql.ts": `import { SqlClient } from "effect/sql"`,
  "src/supervisors/Supervisor.ts": `import "../actors/Other.ts"`,
  "src/layers/ImportsNothing.ts": `import "./Missing.ts"`
}

describe("check-imports", () => {
  it.live("accepts imports that follow the directions, and what only looks like an import", () =>
    Effect.gen(function* () {
      const { failed, output } = yield* check({
        "src/domain/Ids.ts": `import { Schema } from "effect"\nexport const id = Schema.String`,
        "src/actors/Room.ts": `import { id } from "../domain/Ids.ts"\n// import "../edges/Socket.ts"\nexport const room = id`,
        "src/edges/Socket.ts": `import { room } from "../actors/Room.ts"\nexport const text = 'import "../layers/Db.ts"' + room`,
        "src/layers/Db.ts": `export type { id } from "../domain/Ids.ts"`,
        "src/App.ts": `import "./edges/Socket.ts"\nimport "./layers/Db.ts"`
      })
      assert.isFalse(failed, output)
    })
  )

  it.live("refuses imports against the directions, of types and workers too, and names each place", () =>
    Effect.gen(function* () {
      const offenders = Object.entries(refused).map(([path, text]) => [path, `// first line\n${text}`])
      const { failed, output } = yield* check({
        "src/edges/E.ts": "export type T = 1",
        "src/layers/L.ts": "export type T = 1",
        "src/actors/Other.ts": "export type T = 1",
        ...Object.fromEntries(offenders)
      })
      assert.isTrue(failed)
      const places = output
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0])
      assert.sameMembers(
        places,
        Object.keys(refused).map((path) => `${path}:2`)
      )
    })
  )

  it.live("refuses files that import each other in a circle at run time, but not recursive types", () =>
    Effect.gen(function* () {
      const { failed, output } = yield* check({
        "src/domain/A.ts": `import { b } from "./B.ts"\nexport const a = b`,
        "src/domain/B.ts": `export * from "./C.ts"`,
        "src/domain/C.ts": `import { type T } from "./A.ts"\nexport const b = 1`,
        "src/domain/Tree.ts": `import type { Leaf } from "./Leaf.ts"\nexport type Tree = Leaf`,
        "src/domain/Leaf.ts": `export type { Tree } from "./Tree.ts"\nexport type Leaf = Tree`
      })
      assert.isTrue(failed)
      assert.strictEqual(
        output.trim(),
        "circle: src/domain/A.ts → src/domain/B.ts → src/domain/C.ts → src/domain/A.ts"
      )
    })
  )
})
