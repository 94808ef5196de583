/**
 * A directory for `DATA_DIR` with a made and migrated embedded database in it. Making one takes seconds of CPU, so it is
 * made once per test run and copied from then on.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { rename } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { Effect, Layer } from "effect"
import * as Database from "../../src/layers/database/Database.ts"
import { migrate } from "../../src/layers/database/Migrations.ts"
import * as TempDir from "./TempDir.ts"

const run = promisify(execFile)

const database = (dataDir: string) =>
  Layer.provide(
    Layer.effectDiscard(migrate),
    Database.layer({ url: undefined, dataDir, maxConnections: 1, timeout: "60 seconds" })
  )

/** Of two workers that make one at once, one throws its own away. */
const template = Effect.gen(function* () {
  const path = join(TempDir.runRoot(), "embedded-template")
  if (existsSync(path)) return path
  const fresh = yield* Effect.promise(() => TempDir.create("embedded-fresh"))
  yield* Effect.orDie(Effect.scoped(Layer.build(database(fresh))))
  yield* Effect.promise(() => rename(fresh, path).catch(() => TempDir.remove(fresh)))
  return path
})

/** No process has it open; it is removed when the scope closes. */
export const make = (name = "embedded") =>
  Effect.gen(function* () {
    const from = yield* template
    const copy = yield* TempDir.make(name)
    yield* Effect.promise(() => run("cp", ["-a", `${from}/.`, copy]))
    return copy
  })
