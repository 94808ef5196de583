/**
 * The worker thread of the embedded database: PGlite over a directory, speaking the Postgres protocol on a socket.
 * Started by `EmbeddedDatabase`, which it tells when it is ready and why it failed. It ends on request, or by itself
 * when the database inside is broken, since only a new one recovers from that.
 */
import { parentPort, workerData } from "node:worker_threads"
import { PGlite } from "@electric-sql/pglite"
import { PGLiteSocketServer } from "@electric-sql/pglite-socket"

export interface EmbeddedWorkerData {
  readonly directory: string
  readonly socketPath: string
  readonly settings: Readonly<Record<string, string>>
}

/** What the worker is asked: whether it is still listening, or to close the database and end. */
export type EmbeddedWorkerRequest = "ping" | "close"

export type EmbeddedWorkerMessage =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Pong" }
  | { readonly _tag: "Failed"; readonly why: string }

const port = parentPort!
const { directory, settings, socketPath } = workerData as EmbeddedWorkerData
const tell = (message: EmbeddedWorkerMessage) => port.postMessage(message)

/** What the database last complained about, to explain a start that failed. */
const complaints: Array<string> = []
const severe = /^.*\b(FATAL|PANIC|ERROR): +/

const fail = (error: unknown): void => {
  const complaint = complaints
    .findLast((line) => severe.test(line))
    ?.replace(severe, "")
    .trim()
  tell({ _tag: "Failed", why: complaint ?? (error instanceof Error ? error.message : String(error)) })
  // The message leaves before the thread does.
  setImmediate(() => process.exit(1))
}

process.on("uncaughtException", fail)
process.on("unhandledRejection", fail)

const db = new PGlite({
  dataDir: directory,
  // Small segments of the log: less to make at the first start.
  initDbStartParams: ["--wal-segsize=1"],
  postgresqlconf: Object.entries(settings).map(([name, value]) => `${name} = '${value}'`),
  onStderr: (line) => {
    complaints.push(line)
    if (complaints.length > 20) complaints.shift()
    return false
  },
  onStdout: () => false
})

await db.waitReady

// The socket server stops serving for good once a call into the database has thrown, which happens only when the
// database itself has crashed. Then the thread ends, and its successor recovers from the log.
const execute = db.execProtocolRawStream.bind(db)
db.execProtocolRawStream = async (...args) => {
  try {
    return await execute(...args)
  } catch (error) {
    fail(error)
    throw error
  }
}

// One connection at work; the others are cancel requests, and successors of connections that are still closing.
const server = new PGLiteSocketServer({ db, path: socketPath, maxConnections: 8 })
await server.start()

port.on("message", async (request: EmbeddedWorkerRequest) => {
  if (request === "ping") return tell({ _tag: "Pong" })
  await server.stop()
  await db.close()
  process.exit(0)
})

tell({ _tag: "Ready" })
