import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "./Child.ts"
import * as Poll from "./Poll.ts"

const isThere = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const node = (script: string) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      spawn(process.execPath, ["--input-type=module", "-e", script], { env: process.env })
    ),
    (child) => Effect.promise(() => child.kill9())
  )

describe("Child", () => {
  it.live("does not outlive a parent that is killed with SIGKILL, not even when it is stopped", () =>
    Effect.gen(function* () {
      const module = join(import.meta.dirname, "Child.ts")
      const parent = yield* node(`
        import { spawn } from ${JSON.stringify(module)}
        const child = await spawn("/bin/sleep", ["600"])
        child.signal("SIGSTOP")
        console.log("child=" + child.pid + ";")
        setInterval(() => {}, 1000)`)
      const [, pid] = yield* Effect.promise(() => parent.waitForOutput(/child=(\d+);/))
      assert.isTrue(isThere(Number(pid)))
      yield* Effect.promise(() => parent.kill9())
      yield* Poll.until(() => !isThere(Number(pid)), { what: "the end of the child" })
    })
  )

  it.live("fails a wait for output with what was written, when the process ends before", () =>
    Effect.gen(function* () {
      const child = yield* node(`console.error("cannot"); process.exit(3)`)
      const failure = yield* Effect.flip(Effect.tryPromise(() => child.waitForOutput(/ready/)))
      assert.match(String(failure.cause), /exit code 3.*cannot/s)
    })
  )
})
