/**
 * The server as its users run it: `node src/main.ts` in a process of its own, on free ports. Owns its environment, its
 * life and its output, so that tests can kill it, stop it and start it again on the same data.
 *
 * Gotcha: without `DATA_DIR` in `env` the embedded database lies in a directory that goes with the scope and has a made
 * database in it. To start a second process on the data of the first, give both the same `DATA_DIR` (from
 * `MadeDirectory.make()`, or from `TempDir.make()` for a server that makes its own database).
 */
import { dirname, join } from "node:path"
import { Data, Effect, type Scope } from "effect"
import { type Child, type ChildExit, spawn as spawnChild } from "./Child.ts"
import * as MadeDirectory from "./MadeDirectory.ts"
import * as TempDir from "./TempDir.ts"
import * as Written from "./Written.ts"

const root = dirname(dirname(import.meta.dirname))

export class AppProcessError extends Data.TaggedError("AppProcessError")<{ readonly message: string }> {}

export interface AppProcessOptions {
  /** Environment variables over the defaults here; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Arguments of `src/main.ts`, such as `["migrate"]`. */
  readonly args?: ReadonlyArray<string>
  /** Milliseconds until the server must listen. Default 60 000. */
  readonly deadline?: number
}

export interface TokenRequest {
  readonly user_id?: string
  readonly device_id?: string
  readonly trust_level?: string
  readonly scope?: string
  readonly expires_in?: number
  readonly jti?: string
  readonly single_use?: boolean
}

export interface IssuedToken {
  readonly token: string
  readonly user_id: string
  readonly device_id: string
  readonly expires_at: string
}

/** A process that was started, whether it will listen or not. */
export interface SpawnedApp {
  readonly pid: number
  /** What it wrote to stdout and stderr so far. */
  readonly output: () => string
  /** Sends a signal; with SIGKILL this returns when the process is gone, otherwise at once. */
  readonly kill: (signal?: NodeJS.Signals) => Effect.Effect<void>
  /** Waits for the end of the process. */
  readonly exited: Effect.Effect<ChildExit>
  /** Waits for a line of the output that matches. */
  readonly outputMatching: (pattern: RegExp) => Effect.Effect<RegExpExecArray, AppProcessError>
  /** Waits until it listens. */
  readonly listening: Effect.Effect<RunningApp, AppProcessError>
}

export interface RunningApp extends SpawnedApp {
  readonly httpPort: number
  /** Absent while the server has no gRPC edge. */
  readonly grpcPort: number | undefined
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `ws://127.0.0.1:<port>/socket`: what a Phoenix client takes; it adds `/websocket` itself. */
  readonly wsUrl: string
  /** A token from the dev issuer. */
  readonly token: (request?: TokenRequest) => Effect.Effect<IssuedToken, AppProcessError>
}

const listeningLine = /listening\b[^\n]*?\bhttp=(\d+)[^\n]*\n/

const failure = (cause: unknown) =>
  new AppProcessError({ message: cause instanceof Error ? cause.message : String(cause) })

const issueToken = async (url: string, request: TokenRequest): Promise<IssuedToken> => {
  const response = await fetch(`${url}/dev/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request)
  })
  const body = await response.text()
  if (!response.ok) throw new Error(`POST /dev/token answered ${response.status}: ${body}`)
  return JSON.parse(body)
}

/** The three parts of a JWT, or the secret ones of it; and a password in a URL. */
const secret = /eyJ[\w-]{10,}\.eyJ[\w-]{10,}|Bearer [\w-]{20,}|\w+:\/\/[^\s/:@"']*:[^\s/@"']+@/

/** No process of any test may ever log a secret, or what people have written, whatever the test is about. */
const refusePrivate = (output: string): void => {
  const content = Written.findIn(output)
  const at = content === undefined ? output.search(secret) : output.indexOf(content)
  if (at === -1) return
  const what = content === undefined ? "A secret" : "The content of a message"
  throw new Error(`${what} was logged: ${output.slice(Math.max(0, at - 300), at + 60)}`)
}

const spawned = (child: Child, deadline: number): SpawnedApp => {
  const app: SpawnedApp = {
    pid: child.pid,
    output: () => child.output,
    kill: (signal = "SIGKILL") =>
      signal === "SIGKILL" ? Effect.promise(() => child.kill9()) : Effect.sync(() => child.signal(signal)),
    exited: Effect.promise(() => child.exited),
    outputMatching: (pattern) =>
      Effect.tryPromise({ try: () => child.waitForOutput(pattern, { deadline }), catch: failure }),
    listening: Effect.suspend(() =>
      Effect.map(app.outputMatching(listeningLine), (match) => running(app, match))
    )
  }
  return app
}

const running = (app: SpawnedApp, [line, httpPort]: RegExpExecArray): RunningApp => {
  const grpcPort = /\bgrpc=(\d+)/.exec(line)?.[1]
  const url = `http://127.0.0.1:${httpPort}`
  return {
    ...app,
    httpPort: Number(httpPort),
    grpcPort: grpcPort === undefined ? undefined : Number(grpcPort),
    url,
    wsUrl: `ws://127.0.0.1:${httpPort}/socket`,
    token: (request = {}) => Effect.tryPromise({ try: () => issueToken(url, request), catch: failure })
  }
}

/** Where there is a Postgres server, the directory holds a key and no database. */
const newDirectory = (databaseUrl: string | undefined) =>
  databaseUrl === undefined ? MadeDirectory.make("app") : TempDir.make("app")

/** Starts the process and does not wait for it to listen, for tests of a start that must fail. */
export const spawn = Effect.fnUntraced(function* (
  options: AppProcessOptions = {}
): Effect.fn.Return<SpawnedApp, AppProcessError, Scope.Scope> {
  const dataDir = options.env?.DATA_DIR ?? (yield* newDirectory(options.env?.DATABASE_URL))
  const { HOME, PATH, TMPDIR } = process.env
  const base = {
    HOME,
    PATH,
    TMPDIR,
    HOST: "127.0.0.1",
    PORT: "0",
    GRPC_PORT: "0",
    DATA_DIR: dataDir,
    // Not to be had in prod.
    RATE_LIMITS: /^(prod|kube)$/.test(options.env?.APP_ENV ?? "") ? undefined : "off"
  }
  const child = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        spawnChild(process.execPath, [join(root, "src/main.ts"), ...(options.args ?? [])], {
          cwd: root,
          env: { ...base, ...options.env }
        }),
      catch: failure
    }),
    (child) =>
      Effect.promise(async () => {
        await child.kill9()
        // Its owner asked for a token there.
        if (options.args?.[0] !== "token") refusePrivate(child.output)
      })
  )
  return spawned(child, options.deadline ?? 60_000)
})

/** Starts the process and waits until it listens; fails with its output when it does not. */
export const start = (options?: AppProcessOptions): Effect.Effect<RunningApp, AppProcessError, Scope.Scope> =>
  Effect.flatMap(spawn(options), (app) => app.listening)
