/** `messaging-service start`, which is also what happens without a command. */
import { Effect, Option, Schema } from "effect"
import { Flag } from "effect/cli"
import { app } from "./Program.ts"

export const flags = {
  workers: Flag.Int("workers").pipe(
    Flag.withDescription("Run this many processes that share the port; needs DATABASE_URL and REDIS_URL"),
    Flag.withSchema(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 1024 })))),
    Flag.optional
  ),
  leashed: Flag.Boolean("leashed").pipe(
    Flag.withDescription("End when standard input does, as workers do when their supervisor is gone"),
    Flag.withDefault(false),
    Flag.withHidden
  )
}

/** Ends this process in order when nobody holds the other end of its standard input any more. */
const leash = Effect.sync(() => {
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).resume()
})

export const start = Effect.fnUntraced(function* ({
  leashed,
  workers
}: {
  readonly leashed: boolean
  readonly workers: Option.Option<number>
}) {
  if (leashed) yield* leash
  if (Option.isNone(workers)) return yield* (yield* app).launch
  const { launch } = yield* Effect.promise(() => import("./Workers.ts"))
  return yield* launch(workers.value)
})
