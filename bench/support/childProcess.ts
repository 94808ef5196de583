/**
 * Child processes with as many file descriptors as the system allows, stopped with their scope: SIGTERM first,
 * SIGKILL if they linger. Their standard input must be a pipe: it is how they learn that we are gone.
 */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"

export const repository = fileURLToPath(new URL("../../", import.meta.url))

const LINGER_MILLIS = 15_000

/**
 * `exec` keeps the pid: what is measured is the program, not a shell around it. Its standard input is a pipe from
 * us; should we be killed, that pipe ends, and a shell waiting for nothing else ends the program.
 */
const RUN = `
  ulimit -n "$(ulimit -Hn)"
  exec 9<&0
  (read -r _ <&9; kill -TERM $$) >/dev/null 2>&1 &
  exec "$0" "$@" </dev/null 9<&-
`

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, "exit")
  child.kill("SIGTERM")
  const timer = setTimeout(() => child.kill("SIGKILL"), LINGER_MILLIS)
  await exited
  clearTimeout(timer)
}

export const childProcess = (
  command: ReadonlyArray<string>,
  options: SpawnOptions
): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawn("sh", ["-c", RUN, ...command], { cwd: repository, ...options })),
    (child) => Effect.promise(() => stop(child))
  )

/** A TypeScript file of this repository, run by the Node that runs the bench. */
export const nodeProcess = (
  file: string,
  options: SpawnOptions
): Effect.Effect<ChildProcess, never, Scope.Scope> => childProcess([process.execPath, file], options)
