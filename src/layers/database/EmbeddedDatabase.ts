/**
 * The database one gets without installing one: PGlite (Postgres compiled to WebAssembly) in a worker thread, its
 * files under `DATA_DIR/postgres`, served on a Unix socket that only this user can reach. To everything else it is a
 * Postgres server that happens to run one statement at a time.
 *
 * Owns the directory, its lock, the worker's life and its restarts. Does not own connections or the schema.
 * The files survive SIGKILL of the process at any moment: Postgres recovers from its log as after a crash.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Worker } from "node:worker_threads"
import { Deferred, type Duration, Effect, Option, type Scope } from "effect"
import { DatabaseUnusable } from "./DatabaseUnusable.ts"
import * as DataDirLock from "./DataDirLock.ts"
import type { EmbeddedWorkerData, EmbeddedWorkerMessage, EmbeddedWorkerRequest } from "./EmbeddedWorker.ts"

export interface EmbeddedDatabase {
  /** Where it listens, for as long as the scope is open, across restarts of the worker. */
  readonly socketPath: string
  /** Restarts the worker when it ends by itself or hangs. Fails when the files can no longer be opened. */
  readonly run: Effect.Effect<never, DatabaseUnusable>
}

export interface EmbeddedOptions {
  readonly dataDir: string
  /** Postgres settings, as in `postgresql.conf`. */
  readonly settings: Readonly<Record<string, string>>
  /** A statement that runs for so long is stuck; it cannot be cancelled, so the worker is ended. */
  readonly patience?: Duration.Input
}

/**
 * Opening, recovery after a crash included, takes well under a second, and the very first start a few, where there is a
 * processor for it. Past this it is taken for broken, and its owner told to restore it: a busy machine must not be.
 */
const openTimeout = "3 minutes"
const closeTimeout = "10 seconds"

/** A Unix socket's path is short by nature (108 bytes on Linux, 104 on macOS): a deep DATA_DIR has it elsewhere. */
const socketIn = (root: string): Effect.Effect<string, never, Scope.Scope> => {
  const path = join(root, "postgres.sock")
  if (process.platform === "win32") return Effect.succeed(`\\\\.\\pipe\\messaging-service-${process.pid}`)
  if (Buffer.byteLength(path) <= 100) return Effect.succeed(path)
  return Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "messaging-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  ).pipe(Effect.map((directory) => join(directory, "postgres.sock")))
}

const lock = (dataDir: string, root: string) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => DataDirLock.acquire(root),
      catch: (error) =>
        new DatabaseUnusable({ message: `DATA_DIR ${dataDir} cannot be used: ${(error as Error).message}` })
    }).pipe(
      Effect.flatMap(({ ownedBy }) =>
        ownedBy === undefined
          ? Effect.void
          : Effect.fail(
              new DatabaseUnusable({
                message:
                  `DATA_DIR ${dataDir} is in use by process ${ownedBy}: stop it, or set another DATA_DIR; ` +
                  "several processes need a Postgres server (DATABASE_URL)"
              })
            )
      )
    ),
    () => Effect.sync(() => DataDirLock.release(root))
  )

interface Running {
  readonly worker: Worker
  readonly ended: Deferred.Deferred<number>
  /** Completed by the worker's next sign of life. */
  pong: Deferred.Deferred<void>
}

const tell = ({ worker }: Running, request: EmbeddedWorkerRequest) =>
  Effect.sync(() => worker.postMessage(request))

const close = (running: Running) =>
  tell(running, "close").pipe(
    Effect.andThen(Deferred.await(running.ended)),
    Effect.timeoutOption(closeTimeout),
    Effect.filterOrElse(Option.isSome, () => Effect.promise(() => running.worker.terminate()))
  )

/** Ends a worker that gives no sign of life for `patience`. */
const watch = Effect.fnUntraced(function* (running: Running, patience: Duration.Input) {
  while (true) {
    running.pong = Deferred.makeUnsafe()
    yield* tell(running, "ping")
    const pong = yield* Effect.timeoutOption(Deferred.await(running.pong), patience)
    if (Option.isNone(pong)) {
      yield* Effect.logError("The embedded database hangs in a statement; ending it")
      yield* Effect.promise(() => running.worker.terminate())
      return yield* Effect.never
    }
    yield* Effect.sleep(patience)
  }
})

export const make = Effect.fnUntraced(function* ({
  dataDir,
  patience = "30 seconds",
  settings
}: EmbeddedOptions): Effect.fn.Return<EmbeddedDatabase, DatabaseUnusable, Scope.Scope> {
  const root = resolve(dataDir)
  const directory = join(root, "postgres")
  const unfinished = join(root, "initialising")
  yield* lock(dataDir, root)
  const socketPath = yield* socketIn(root)
  const unusable = (why: string) =>
    new DatabaseUnusable({
      message:
        `DATA_DIR ${dataDir}: the database in ${directory} cannot be opened (${why}); ` +
        "restore it from a backup, or move it away to start with an empty one"
    })

  /** Tells a directory to be opened from one to be made. Anything else is left alone: it may be someone's data. */
  const prepare = Effect.try({
    try: () => {
      rmSync(socketPath, { force: true })
      // A first start that was cut short has left nothing worth keeping: nobody was served yet.
      if (existsSync(unfinished)) rmSync(directory, { recursive: true, force: true })
      if (existsSync(join(directory, "PG_VERSION"))) return
      if (existsSync(directory) && readdirSync(directory).length > 0) throw new Error("PG_VERSION is missing")
      writeFileSync(unfinished, "")
    },
    catch: (error) => unusable((error as Error).message)
  })

  const start = Effect.callback<Running, DatabaseUnusable>((resume) => {
    const ended = Deferred.makeUnsafe<number>()
    let why = "it ended without a word"
    const worker = new Worker(new URL("./EmbeddedWorker.ts", import.meta.url), {
      workerData: { directory, socketPath, settings } satisfies EmbeddedWorkerData
    })
    worker.on("error", (error) => {
      why = String(error)
    })
    worker.on("message", (message: EmbeddedWorkerMessage) => {
      switch (message._tag) {
        case "Failed":
          why = message.why
          return
        case "Pong":
          return Deferred.doneUnsafe(running.pong, Effect.void)
        case "Ready":
          rmSync(unfinished, { force: true })
          resume(Effect.succeed({ worker, ended, pong: Deferred.makeUnsafe() }))
      }
    })
    // Last of all, also after an error: only then are the files free.
    worker.on("exit", (code) => {
      Deferred.doneUnsafe(ended, Effect.succeed(code))
      resume(Effect.fail(unusable(why)))
    })
    return Effect.promise(() => worker.terminate())
  }).pipe(
    Effect.timeoutOrElse({
      duration: openTimeout,
      orElse: () => Effect.fail(unusable(`it does not answer within ${openTimeout}`))
    })
  )

  const open = Effect.andThen(prepare, start)

  let running: Running = yield* Effect.acquireRelease(open, () => Effect.suspend(() => close(running)))

  const run = Effect.gen(function* () {
    while (true) {
      const code = yield* Effect.raceFirst(Deferred.await(running.ended), watch(running, patience))
      yield* Effect.logWarning("The embedded database ended by itself; starting it again").pipe(
        Effect.annotateLogs({ dataDir, code })
      )
      running = yield* open
    }
  })

  return { socketPath, run }
})
