/** A master, its replica, and one Sentinel that watches them and makes the replica the master when the first dies. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { spawn } from "./Child.ts"
import * as Poll from "./Poll.ts"
import * as Ports from "./Ports.ts"
import * as RedisServer from "./RedisServer.ts"
import * as TempDir from "./TempDir.ts"
import { requireTool } from "./Tools.ts"

export const make = Effect.gen(function* () {
  const master = yield* RedisServer.make()
  const replica = yield* RedisServer.make({ args: ["--replicaof", "127.0.0.1", String(master.port)] })
  const directory = yield* TempDir.make("sentinel")
  const port = yield* Ports.free()
  const config = join(directory, "sentinel.conf")
  yield* Effect.promise(() =>
    writeFile(
      config,
      [
        `port ${port}`,
        "bind 127.0.0.1",
        `dir ${directory}`,
        `sentinel monitor chat 127.0.0.1 ${master.port} 1`,
        "sentinel down-after-milliseconds chat 500",
        "sentinel failover-timeout chat 2000",
        ""
      ].join("\n")
    )
  )
  const sentinel = yield* Effect.acquireRelease(
    Effect.promise(() => spawn(requireTool("redisServer"), [config, "--sentinel"], { cwd: directory })),
    (child) => Effect.promise(() => child.kill9())
  )
  yield* Poll.until(() => sentinel.output.includes("+slave slave"), {
    what: "the Sentinel to know the replica"
  })
  return { master, replica, url: `redis-sentinel://127.0.0.1:${port}/chat/0` }
})
