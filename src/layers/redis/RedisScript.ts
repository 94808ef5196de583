/** A Lua script that Redis is sent once, and told by its digest after that. */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import type { Unavailable } from "../../domain/Errors.ts"
import type { RedisPool } from "./RedisPool.ts"

export type RunScript = (
  keys: ReadonlyArray<string>,
  args: ReadonlyArray<string>
) => Effect.Effect<unknown, Unavailable>

/** For the head of a script: `now`, in ms by Redis's own clock, so that nodes need not agree on the time. */
export const now = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

const isUnknown = ({ cause }: Unavailable): boolean =>
  cause instanceof Error && cause.message.startsWith("NOSCRIPT")

export const make = (pool: RedisPool, text: string): RunScript => {
  const digest = createHash("sha1").update(text).digest("hex")
  return (keys, args) => {
    const rest = [String(keys.length), ...keys, ...args]
    return Effect.catchIf(pool.send("EVALSHA", digest, ...rest), isUnknown, () =>
      pool.send("EVAL", text, ...rest)
    )
  }
}
