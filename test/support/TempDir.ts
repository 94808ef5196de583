/**
 * Temporary directories that do not outlive the test run. Owns one root directory per run; everything the support
 * files write lies under it. A shell process waits for the end of the run's process, however that comes, SIGKILL
 * included, and removes the root then.
 */
import { spawn } from "node:child_process"
import { chmodSync, mkdtempSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"

const variable = "MESSAGING_TEST_ROOT"

// End of input means that the process holding the other end is gone. Its servers take a moment to follow it, and may
// still write files meanwhile, hence the repetition.
const removal = `trap '' INT TERM HUP; cat >/dev/null
for delay in 0.2 1 3 6; do sleep $delay; rm -rf "$1"; [ -e "$1" ] || exit 0; done`

/**
 * The root of this run. Made by the first process that asks; the workers that it forks later find it in their
 * environment. Others may enter it (a Postgres server runs as another user), but not list it.
 */
export const runRoot = (): string => {
  const inherited = process.env[variable]
  if (inherited !== undefined) return inherited
  const root = mkdtempSync(join(tmpdir(), "messaging-service-test-"))
  chmodSync(root, 0o711)
  const reaper = spawn("/bin/sh", ["-c", removal, "sh", root], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"]
  })
  reaper.unref()
  if (reaper.stdin instanceof Socket) reaper.stdin.unref()
  process.env[variable] = root
  return root
}

/** A fresh directory under the root of the run; the caller removes it, or the end of the run does. */
export const create = (name: string): Promise<string> => mkdtemp(join(runRoot(), `${name}-`))

export const remove = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })

/** A fresh directory, removed when the scope closes. */
export const make = (name = "dir") =>
  Effect.acquireRelease(
    Effect.promise(() => create(name)),
    (path) => Effect.promise(() => remove(path))
  )
