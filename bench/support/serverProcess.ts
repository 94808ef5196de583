/** A server under measurement, in a process of its own; it is up when it has logged the URL it listens on. */
import type { ChildProcess } from "node:child_process"
import { stripVTControlCharacters } from "node:util"
import { Effect, type Scope } from "effect"
import type { Address } from "../load/RawWebSocket.ts"
import { attempt, type BenchFailed } from "./BenchFailed.ts"
import { nodeProcess } from "./childProcess.ts"

export interface ServerProcess {
  readonly pid: number
  readonly address: Address
}

/** Added to our own environment; undefined takes a variable away. */
export type Environment = Readonly<Record<string, string | undefined>>

const START_MILLIS = 60_000

/** How much of the end of a server's output is kept, to show why it did not start. */
const TAIL = 4000

const LISTENING = /listening.*url=http:\/\/([\w.]+):(\d+)/

/** Goes on reading after the line was seen: a full pipe would block the server. */
const listening = (child: ChildProcess): Promise<Address> =>
  new Promise((resolve, reject) => {
    let output = ""
    const fail = (why: string): void => reject(new Error(`${why}\n${output}`))
    const timer = setTimeout(() => fail(`not listening after ${START_MILLIS / 1000} s`), START_MILLIS)
    const onOutput = (chunk: Buffer): void => {
      output = (output + stripVTControlCharacters(chunk.toString())).slice(-TAIL)
      const [, host, port] = LISTENING.exec(output) ?? []
      if (host === undefined) return
      clearTimeout(timer)
      resolve({ host, port: Number(port) })
    }
    child.stdout?.on("data", onOutput)
    child.stderr?.on("data", onOutput)
    child.on("error", (error) => fail(error.message))
    child.on("exit", (code, signal) => {
      clearTimeout(timer)
      fail(`exited with ${code ?? signal}`)
    })
  })

export const serverProcess = (
  file: string,
  environment: Environment
): Effect.Effect<ServerProcess, BenchFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* nodeProcess(file, {
      env: { ...process.env, ...environment },
      stdio: "pipe"
    })
    const address = yield* attempt(`${file} did not start`, () => listening(child))
    return { pid: child.pid!, address }
  })
