import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Poll from "./Poll.ts"
import * as PostgresServer from "./PostgresServer.ts"
import * as TempDir from "./TempDir.ts"
import { tools } from "./Tools.ts"

const query = (url: string, statement: string) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return yield* sql.unsafe(statement)
  }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url), connectTimeout: "2 seconds" })))

/** What is in the file of a server that runs; of one that has just ended there is none. */
const contentOf = (path: string): string => {
  try {
    return readFileSync(join(TempDir.runRoot(), path), "utf8")
  } catch {
    return ""
  }
}

/** The directories of running servers on this port: other suites have servers, too. */
const directoriesOf = (port: number) =>
  globSync("postgres-*/postmaster.pid", { cwd: TempDir.runRoot() }).filter((path) =>
    contentOf(path).includes(`\n${port}\n`)
  )

describe.skipIf(tools.postgresBin === undefined)("PostgresServer", () => {
  it.live("gives each caller a database of its own", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make({ fsync: false })
      const [one, other] = yield* Effect.all([server.createDatabase(), server.createDatabase("named")])
      yield* query(one, "CREATE TABLE things (id int)")
      const found = "SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = 'public'"
      assert.deepStrictEqual(yield* query(one, found), [{ tables: 1 }])
      assert.deepStrictEqual(yield* query(other, found), [{ tables: 0 }])
      assert.deepStrictEqual(yield* query(other, "SELECT current_database() AS name"), [{ name: "named" }])
      assert.deepStrictEqual(yield* query(other, "SHOW fsync"), [{ fsync: "off" }])
    })
  )

  it.live("keeps committed rows over kill9 and over shutdown", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make()
      const url = yield* server.createDatabase()
      yield* query(url, "CREATE TABLE things AS SELECT 1 AS id")
      yield* server.kill9
      yield* Effect.flip(query(url, "SELECT 1"))
      yield* server.restart
      assert.deepStrictEqual(yield* query(url, "SELECT id FROM things"), [{ id: 1 }])
      yield* server.shutdown
      yield* Effect.flip(query(url, "SELECT 1"))
      yield* server.restart
      assert.deepStrictEqual(yield* query(url, "SELECT id FROM things"), [{ id: 1 }])
    })
  )

  it.live("hangs between stop and cont", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make({ fsync: false })
      yield* server.stop
      yield* Effect.flip(query(server.url, "SELECT 1 AS one"))
      yield* server.cont
      const rows = yield* Poll.until(query(server.url, "SELECT 1 AS one"), { what: "an answer after cont" })
      assert.deepStrictEqual(rows, [{ one: 1 }])
    })
  )

  it.live("leaves neither a process nor a file behind", () =>
    Effect.gen(function* () {
      const { directories, port } = yield* Effect.scoped(
        Effect.map(PostgresServer.make(), ({ port }) => ({ directories: directoriesOf(port), port }))
      )
      assert.strictEqual(directories.length, 1)
      assert.isFalse(existsSync(dirname(join(TempDir.runRoot(), directories[0]!))))
      yield* Effect.flip(query(`postgres://postgres@127.0.0.1:${port}/postgres`, "SELECT 1"))
      assert.isTrue(existsSync(TempDir.runRoot()))
    })
  )
})
