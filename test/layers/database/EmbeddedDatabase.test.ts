import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { MessageStore } from "../../../src/domain/ports/MessageStore.ts"
import { Database } from "../../../src/layers/database/Database.ts"
import * as EmbeddedDatabase from "../../../src/layers/database/EmbeddedDatabase.ts"
import * as Databases from "../../contract/Databases.ts"
import { append, newConversation } from "../../contract/Fixtures.ts"
import * as Child from "../../support/Child.ts"
import * as MadeDirectory from "../../support/MadeDirectory.ts"
import * as Poll from "../../support/Poll.ts"
import * as TempDir from "../../support/TempDir.ts"

const burst = fileURLToPath(new URL("./EmbeddedBurst.ts", import.meta.url))

/** The storage over a directory, open until the scope closes. */
const open = (dataDir: string, options: Parameters<typeof Databases.over>[1] = {}) =>
  Effect.flatMap(Effect.scope, (scope) =>
    Layer.buildWithMemoMap(
      Databases.storage.pipe(
        Layer.provideMerge(Databases.over(dataDir, options)),
        Layer.provide(Databases.quiet)
      ),
      Layer.makeMemoMapUnsafe(),
      scope
    )
  )

/** Why a directory cannot be opened, or `undefined` when it can. */
const refusal = (dataDir: string) =>
  open(dataDir).pipe(
    Effect.scoped,
    Effect.match({ onFailure: (error) => error.message, onSuccess: () => undefined })
  )

describe("The embedded database", () => {
  it.live("keeps what was stored when it is closed and opened again", () =>
    Effect.gen(function* () {
      const dataDir = yield* MadeDirectory.make()
      const id = yield* Effect.gen(function* () {
        const id = yield* newConversation
        yield* append({ conversationId: id, content: "kept" })
        return id
      }).pipe(
        (effect) => Effect.flatMap(open(dataDir), (context) => Effect.provideContext(effect, context)),
        Effect.scoped
      )
      const store = Context.get(yield* open(dataDir), MessageStore)
      assert.deepStrictEqual(
        (yield* store.after(id, 0, 10)).items.map((m) => m.content),
        ["kept"]
      )
    })
  )

  it.live("has every acknowledged message once and in order after SIGKILL in the middle of a burst", () =>
    Effect.gen(function* () {
      const dataDir = yield* MadeDirectory.make()
      let acknowledged = 0
      let conversation = ""
      for (let round = 0; round < 3; round++) {
        const child = yield* Effect.promise(() =>
          Child.spawn(process.execPath, [burst, dataDir, conversation], { env: { PATH: process.env.PATH } })
        )
        conversation = (yield* Effect.promise(() =>
          child.waitForOutput(/conversation (\S+)/, { deadline: 60_000 })
        ))[1]!
        const from = acknowledged + 1000
        yield* Poll.until(() => Number(child.output.match(/\d+(?=\n[^\n]*$)/)?.[0]) > from, {
          what: "a burst"
        })
        yield* Effect.promise(() => child.kill9())
        acknowledged = Math.max(...child.output.split("\n").slice(1, -1).map(Number))
        const seqs = yield* Effect.gen(function* () {
          const store = Context.get(yield* open(dataDir), MessageStore)
          return (yield* store.after(conversation as never, 0, 1_000_000)).items.map((m) => m.seq)
        }).pipe(Effect.scoped)
        assert.isAtLeast(seqs.length, acknowledged)
        assert.deepStrictEqual(
          seqs,
          seqs.map((_, i) => i + 1)
        )
        acknowledged = seqs.length
      }
    })
  )

  it.live("is not opened twice at once, by this process or another", () =>
    Effect.gen(function* () {
      const dataDir = yield* MadeDirectory.make()
      yield* open(dataDir)
      assert.match(
        (yield* refusal(dataDir)) ?? "",
        new RegExp(`^DATA_DIR ${dataDir} is in use by process ${process.pid}: .*DATABASE_URL`)
      )
      const other = spawnSync(process.execPath, [burst, dataDir], { encoding: "utf8" })
      assert.match(other.stderr, new RegExp(`DATA_DIR .* is in use by process ${process.pid}`))
      assert.strictEqual(other.status, 1)
    })
  )

  it.live.each([
    ["of a process that is gone", { pid: 2 ** 22 + 1, started: "" }],
    ["of a process whose id another one has now", { pid: process.ppid, started: "elsewhere:1" }],
    ["of an earlier life under the same id", { pid: process.pid, started: "elsewhere:1" }],
    ["that was never written", ""]
  ] as const)("takes over a lock %s", ([, owner]) =>
    Effect.gen(function* () {
      const dataDir = yield* MadeDirectory.make()
      writeFileSync(join(dataDir, "lock"), owner === "" ? "" : JSON.stringify(owner))
      assert.isUndefined(yield* refusal(dataDir))
    })
  )

  it.live("removes its lock and its socket when it closes", () =>
    Effect.gen(function* () {
      const dataDir = yield* MadeDirectory.make()
      yield* Effect.scoped(open(dataDir))
      assert.deepStrictEqual(readdirSync(dataDir), ["postgres"])
    })
  )

  it.live.each([
    [
      "whose control file is damaged",
      (dir: string) => writeFileSync(join(dir, "postgres/global/pg_control"), "x")
    ],
    [
      "whose log is damaged",
      (dir: string) => {
        const wal = join(dir, "postgres/pg_wal")
        for (const name of readdirSync(wal).filter((name) => /^[0-9A-F]{24}$/.test(name))) {
          writeFileSync(join(wal, name), Buffer.alloc(1024 * 1024, 7))
        }
      }
    ],
    ["of another version", (dir: string) => writeFileSync(join(dir, "postgres/PG_VERSION"), "9\n")]
  ] as const)("says so when it finds a database %s", ([, damage]) =>
    Effect.gen(function* () {
      const dataDir = yield* MadeDirectory.make()
      damage(dataDir)
      const why = yield* refusal(dataDir)
      assert.match(
        why ?? "",
        new RegExp(`^DATA_DIR ${dataDir}: the database in .* cannot be opened \\(.+\\); restore`)
      )
    })
  )

  it.live("leaves a directory alone that it cannot tell", () =>
    Effect.gen(function* () {
      const dataDir = yield* TempDir.make("embedded")
      mkdirSync(join(dataDir, "postgres"))
      writeFileSync(join(dataDir, "postgres/precious"), "1")
      assert.match((yield* refusal(dataDir)) ?? "", /PG_VERSION is missing/)
      assert.deepStrictEqual(readdirSync(join(dataDir, "postgres")), ["precious"])
    })
  )

  it.live("names DATA_DIR when that is a file", () =>
    Effect.gen(function* () {
      const path = join(yield* TempDir.make("embedded"), "file")
      writeFileSync(path, "")
      assert.match((yield* refusal(path)) ?? "", new RegExp(`^DATA_DIR ${path} cannot be used: `))
    })
  )

  it.live("starts over when its very first start was cut short", () =>
    Effect.gen(function* () {
      const dataDir = yield* TempDir.make("embedded")
      mkdirSync(join(dataDir, "postgres"))
      writeFileSync(join(dataDir, "postgres/PG_VERSION"), "18\n")
      writeFileSync(join(dataDir, "initialising"), "")
      assert.isUndefined(yield* refusal(dataDir))
      assert.isFalse(existsSync(join(dataDir, "initialising")))
    })
  )

  it.live("works in a directory whose path is too long for a socket", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* TempDir.make("embedded"), "d".repeat(120))
      const { socketPath } = yield* EmbeddedDatabase.make({ dataDir, settings: {} })
      assert.isBelow(socketPath.length, 100)
      assert.isTrue(existsSync(socketPath))
    })
  )

  it.live("answers the next query when one was given up, which it cannot cancel", () =>
    Effect.gen(function* () {
      const dataDir = yield* MadeDirectory.make()
      // A connection that was cancelled in vain answers nobody for as long.
      const services = yield* open(dataDir, { timeout: "5 seconds" })
      const sql = Context.get(services, SqlClient)
      const { run } = Context.get(services, Database)
      // Writes a file, by which one sees from here that it has begun.
      const long = sql`DO $$ BEGIN
        EXECUTE format('COPY (SELECT 1) TO %L', current_setting('data_directory') || '/begun');
        PERFORM count(*) FROM generate_series(1, 300000);
      END $$`
      const givenUp = yield* Effect.forkChild(run("long", long))
      yield* Poll.until(() => existsSync(join(dataDir, "postgres", "begun")))
      yield* Fiber.interrupt(givenUp)
      assert.deepStrictEqual(yield* run("next", sql`SELECT 1 AS one`), [{ one: 1 }])
    })
  )

  it.live("is ended and started again when it hangs in a statement, and then answers", () =>
    Effect.gen(function* () {
      const dataDir = yield* MadeDirectory.make()
      const { run, socketPath } = yield* EmbeddedDatabase.make({
        dataDir,
        settings: {},
        patience: "500 millis"
      })
      const sql = yield* Databases.clientOf(socketPath)
      yield* Effect.forkScoped(run)
      const stuck = sql`SELECT count(*) FROM generate_series(1, 10000000000)`.pipe(
        Effect.timeout("20 seconds")
      )
      assert.isTrue(Exit.isFailure(yield* Effect.exit(stuck)))
      const answer = yield* Poll.until(Effect.map(sql`SELECT 1 AS one`, ([row]) => row))
      assert.deepStrictEqual(answer, { one: 1 })
    }).pipe(Effect.provide(Databases.quiet))
  )
})
