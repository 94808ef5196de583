/**
 * A real redis-server on a free port, in a directory of its own. Owns the process and the ways to hurt it. Writes go
 * to an append-only file before they are answered, so that `restart()` finds the data after `kill9()` too; it is not
 * synced to disk, since the machine itself does not fall in these tests.
 */
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { Context, Data, Effect, Layer, type Scope } from "effect"
import { type Child, spawn } from "./Child.ts"
import * as Ports from "./Ports.ts"
import * as TempDir from "./TempDir.ts"
import { requireTool } from "./Tools.ts"

export class RedisServerError extends Data.TaggedError("RedisServerError")<{ readonly message: string }> {}

export interface RedisServerOptions {
  /** Further command line, such as `["--maxmemory", "4mb"]`. */
  readonly args?: ReadonlyArray<string>
}

export interface RestartOptions {
  /** Come back without any data. Default false. */
  readonly empty?: boolean
}

export class RedisServer extends Context.Service<
  RedisServer,
  {
    readonly port: number
    /** `redis://127.0.0.1:<port>` */
    readonly url: string
    /** SIGKILL; returns when the process is gone. */
    readonly kill9: Effect.Effect<void>
    /** SIGSTOP: connections stay open and nothing answers. */
    readonly stop: Effect.Effect<void>
    /** SIGCONT after `stop`. */
    readonly cont: Effect.Effect<void>
    /** Kills it if it runs, starts it on the same port and waits until it answers. */
    readonly restart: (options?: RestartOptions) => Effect.Effect<void, RedisServerError>
  }
>()("test/support/RedisServer") {}

/** Whether the server answers a command; "loading" and a refused connection are a no, "needs a password" is a yes. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"))
    socket.setTimeout(1000, () => socket.destroy())
    socket.once("data", (data) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()))
      socket.destroy()
    })
    socket.on("error", () => {})
    socket.once("close", () => resolve(false))
  })

const started = async (port: number, directory: string, args: ReadonlyArray<string>): Promise<Child> => {
  const fixed = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory]
  const lasting = ["--save", "", "--appendonly", "yes", "--appendfsync", "no"]
  const child = await spawn(requireTool("redisServer"), [...fixed, ...lasting, ...args], { cwd: directory })
  for (let waited = 0; !(await answers(port)); waited += 10) {
    if (!child.isRunning || waited > 20_000) {
      await child.kill9()
      throw new RedisServerError({ message: `redis-server on port ${port} did not start:\n${child.output}` })
    }
    await sleep(10)
  }
  return child
}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, RedisServerError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      cause instanceof RedisServerError ? cause : new RedisServerError({ message: String(cause) })
  })

export const make = Effect.fnUntraced(function* (
  options: RedisServerOptions = {}
): Effect.fn.Return<RedisServer["Service"], RedisServerError, Scope.Scope> {
  const port = yield* Ports.free()
  const args = options.args ?? []
  const state = yield* Effect.acquireRelease(
    attempt(async () => {
      const directory = await TempDir.create("redis")
      return { directory, child: await started(port, directory, args) }
    }),
    (state) =>
      Effect.promise(async () => {
        await state.child.kill9()
        await TempDir.remove(state.directory)
      })
  )
  const restart = async ({ empty = false }: RestartOptions = {}) => {
    await state.child.kill9()
    if (empty) {
      await TempDir.remove(state.directory)
      state.directory = await TempDir.create("redis")
    }
    state.child = await started(port, state.directory, args)
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill9: Effect.promise(() => state.child.kill9()),
    stop: Effect.sync(() => state.child.signal("SIGSTOP")),
    cont: Effect.sync(() => state.child.signal("SIGCONT")),
    restart: (how) => attempt(() => restart(how))
  }
})

export const layer = (options?: RedisServerOptions): Layer.Layer<RedisServer, RedisServerError> =>
  Layer.effect(RedisServer, make(options))
