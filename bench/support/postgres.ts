/**
 * A throwaway Postgres server with its default settings (fsync and synchronous_commit on) in a temporary
 * directory. Postgres refuses to run as root: then it runs as the system's `postgres` user, or as `nobody`.
 */
import { execFileSync, type SpawnOptions } from "node:child_process"
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Effect, type Scope } from "effect"
import { attempt, type BenchFailed } from "./BenchFailed.ts"
import { childProcess } from "./childProcess.ts"

const START_MILLIS = 20_000

/** Where `initdb` and `postgres` are; undefined when there is no Postgres on this machine. */
export const postgresBinaries = (): string | undefined => {
  const candidates = [
    ...globSync("/usr/lib/postgresql/*/bin").sort().reverse(),
    ...(process.env.PATH ?? "").split(":")
  ]
  return candidates.find(
    (directory) => existsSync(join(directory, "initdb")) && existsSync(join(directory, "postgres"))
  )
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

const idOf = (flag: "-u" | "-g", user: string): number =>
  Number(execFileSync("id", [flag, user], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }))

const unprivileged = (): Owner | undefined => {
  if (process.getuid?.() !== 0) return undefined
  for (const user of ["postgres", "nobody"]) {
    try {
      return { uid: idOf("-u", user), gid: idOf("-g", user) }
    } catch {}
  }
  throw new Error("running as root, and there is neither a postgres nor a nobody user to run Postgres as")
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const ready = async (binaries: string, port: number): Promise<void> => {
  const deadline = Date.now() + START_MILLIS
  for (;;) {
    try {
      execFileSync(join(binaries, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", String(port)])
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await sleep(50)
    }
  }
}

/** Its URL. Stopped and deleted with the scope. */
export const temporaryPostgres = (binaries: string): Effect.Effect<string, BenchFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const owner = unprivileged()
    const as: SpawnOptions = { ...owner, cwd: tmpdir(), stdio: ["pipe", "ignore", "ignore"] }
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "bench-postgres-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    const port = yield* attempt("Postgres", async () => {
      if (owner !== undefined) chownSync(directory, owner.uid, owner.gid)
      execFileSync(join(binaries, "initdb"), ["-D", directory, "-U", "bench", "-A", "trust", "-E", "UTF8"], {
        ...owner,
        cwd: tmpdir(),
        stdio: "ignore"
      })
      return freePort()
    })
    yield* childProcess(
      [join(binaries, "postgres"), "-D", directory, "-p", String(port), "-k", directory, "-h", "127.0.0.1"],
      as
    )
    yield* attempt("Postgres did not start", () => ready(binaries, port))
    return `postgres://bench@127.0.0.1:${port}/postgres`
  })
