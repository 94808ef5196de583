/**
 * A real Postgres server on a free port, with a data directory of its own. Owns the process, the ways to hurt it and
 * the making of fresh databases. `initdb` runs once per test run; each server starts from a copy of its result.
 *
 * Gotcha: Postgres refuses to run as root, so under root the server runs as `postgres`, or `nobody`.
 */
import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { chown, rename } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { PgClient } from "@effect/sql-pg"
import { Context, Data, Effect, Layer, Redacted, type Scope } from "effect"
import { type Child, spawn } from "./Child.ts"
import * as Ports from "./Ports.ts"
import * as TempDir from "./TempDir.ts"
import { requireTool } from "./Tools.ts"

export class PostgresServerError extends Data.TaggedError("PostgresServerError")<{
  readonly message: string
}> {}

export interface PostgresServerOptions {
  /** `false` trades durability against the loss of the machine for speed; `kill9` loses nothing either way. */
  readonly fsync?: boolean
  /** Server settings, such as `{ max_connections: "20" }`. */
  readonly settings?: Readonly<Record<string, string>>
}

export class PostgresServer extends Context.Service<
  PostgresServer,
  {
    readonly port: number
    /** The URL of the database `postgres`; the superuser of that name needs no password. */
    readonly url: string
    /** Makes an empty database and returns its URL. Without a name it gets one that is not taken. */
    readonly createDatabase: (name?: string) => Effect.Effect<string, PostgresServerError>
    /** SIGKILL to the server and its backends; returns when all are gone. */
    readonly kill9: Effect.Effect<void>
    /** SIGSTOP to the server and its backends: connections stay open and nothing answers. */
    readonly stop: Effect.Effect<void>
    /** SIGCONT after `stop`. */
    readonly cont: Effect.Effect<void>
    /** An orderly stop ("fast": backends are told to end); returns when the server is gone. */
    readonly shutdown: Effect.Effect<void>
    /** Kills the server if it runs, starts it on the same port and data and waits until it takes connections. */
    readonly restart: Effect.Effect<void, PostgresServerError>
  }
>()("test/support/PostgresServer") {}

interface Account {
  readonly uid: number
  readonly gid: number
}

const run = promisify(execFile)

const serverAccount = (): Account | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
  const account = ["postgres", "nobody"]
    .map((name) => accounts.find((fields) => fields[0] === name))
    .find(Boolean)
  if (account === undefined) throw new Error("no user `postgres` or `nobody` to run Postgres as")
  return { uid: Number(account[2]), gid: Number(account[3]) }
}

const ownedDirectory = async (name: string, account: Account | undefined): Promise<string> => {
  const directory = await TempDir.create(name)
  if (account !== undefined) await chown(directory, account.uid, account.gid)
  return directory
}

/** The result of `initdb`, made by the first that asks; of two workers that ask at once, one throws its own away. */
const template = async (bin: string, account: Account | undefined): Promise<string> => {
  const path = join(TempDir.runRoot(), "postgres-template")
  if (existsSync(path)) return path
  const fresh = await ownedDirectory("initdb", account)
  const how = ["-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"]
  await run(join(bin, "initdb"), ["-D", fresh, ...how], { cwd: fresh, env: {}, ...account })
  await rename(fresh, path).catch(() => TempDir.remove(fresh))
  return path
}

const settingsOf = (options: PostgresServerOptions): ReadonlyArray<string> => {
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    // Shared memory in files of the data directory leaves nothing behind when the server is killed.
    dynamic_shared_memory_type: "mmap",
    max_connections: "200",
    fsync: options.fsync === false ? "off" : "on",
    ...options.settings
  }
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
}

interface Launch {
  readonly bin: string
  readonly account: Account | undefined
  readonly directory: string
  readonly port: number
  readonly settings: ReadonlyArray<string>
}

const started = async ({ account, bin, directory, port, settings }: Launch): Promise<Child> => {
  const args = ["-D", directory, "-p", String(port), ...settings]
  const child = await spawn(join(bin, "postgres"), args, { cwd: directory, user: account, leash: "QUIT" })
  try {
    await child.waitForOutput(/database system is ready to accept connections/, { deadline: 30_000 })
    return child
  } catch (cause) {
    await child.kill9()
    throw new PostgresServerError({ message: `Postgres on port ${port} did not start: ${cause}` })
  }
}

const attempt = <A>(act: () => Promise<A>): Effect.Effect<A, PostgresServerError> =>
  Effect.tryPromise({
    try: act,
    catch: (cause) =>
      cause instanceof PostgresServerError ? cause : new PostgresServerError({ message: String(cause) })
  })

export const make = Effect.fnUntraced(function* (
  options: PostgresServerOptions = {}
): Effect.fn.Return<PostgresServer["Service"], PostgresServerError, Scope.Scope> {
  const port = yield* Ports.free()
  const state = yield* Effect.acquireRelease(
    attempt(async () => {
      const bin = requireTool("postgresBin")
      const account = serverAccount()
      const directory = await ownedDirectory("postgres", account)
      await run("cp", ["-a", `${await template(bin, account)}/.`, directory])
      const launch: Launch = { bin, account, directory, port, settings: settingsOf(options) }
      return { launch, child: await started(launch) }
    }),
    (state) =>
      Effect.promise(async () => {
        // An immediate stop takes the backends along and frees the shared memory, unlike SIGKILL.
        await state.child.end("SIGQUIT", 5000)
        await TempDir.remove(state.launch.directory)
      })
  )
  const urlOf = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`
  const createDatabase = (name = `test_${randomBytes(6).toString("hex")}`) =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* sql`CREATE DATABASE ${sql(name)}`
      return urlOf(name)
    }).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(urlOf("postgres")) })),
      Effect.mapError((error) => new PostgresServerError({ message: `CREATE DATABASE ${name}: ${error}` }))
    )
  return {
    port,
    url: urlOf("postgres"),
    createDatabase,
    kill9: Effect.promise(() => state.child.kill9()),
    stop: Effect.sync(() => state.child.signalTree("SIGSTOP")),
    cont: Effect.sync(() => state.child.signalTree("SIGCONT")),
    shutdown: Effect.promise(() => state.child.end("SIGINT", 20_000)),
    restart: attempt(async () => {
      await state.child.kill9()
      state.child = await started(state.launch)
    })
  }
})

export const layer = (options?: PostgresServerOptions): Layer.Layer<PostgresServer, PostgresServerError> =>
  Layer.effect(PostgresServer, make(options))
