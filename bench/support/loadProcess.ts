/** A load process and typed requests to it over IPC. */
import { once } from "node:events"
import { Effect, type Scope } from "effect"
import type { LoadCommands, LoadRequest, LoadResponse } from "../load/LoadCommands.ts"
import { attempt, type BenchFailed } from "./BenchFailed.ts"
import { nodeProcess } from "./childProcess.ts"

type Input<C extends keyof LoadCommands> = Parameters<LoadCommands[C]>[0]
type Output<C extends keyof LoadCommands> = Awaited<ReturnType<LoadCommands[C]>>

export interface LoadProcess {
  readonly ask: <C extends keyof LoadCommands>(
    command: C,
    input: Input<C>
  ) => Effect.Effect<Output<C>, BenchFailed>
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

export const loadProcess: Effect.Effect<LoadProcess, BenchFailed, Scope.Scope> = Effect.gen(function* () {
  const child = yield* nodeProcess("bench/load/worker.ts", { stdio: ["pipe", "inherit", "inherit", "ipc"] })
  yield* attempt("the load process did not start", () => once(child, "spawn"))
  const waiting = new Map<number, Waiting>()
  let lastId = 0

  child.on("message", ({ id, result, error }: LoadResponse) => {
    const request = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) request?.resolve(result)
    else request?.reject(new Error(error))
  })
  child.on("exit", (code, signal) => {
    for (const { reject } of waiting.values())
      reject(new Error(`the load process exited with ${code ?? signal}`))
  })

  return {
    ask: (command, input) =>
      attempt(
        command,
        () =>
          new Promise((resolve, reject) => {
            const id = ++lastId
            waiting.set(id, { resolve: resolve as Waiting["resolve"], reject })
            child.send({ id, command, input } satisfies LoadRequest)
          })
      )
  }
})
