/** `messaging-service migrate`: brings the database up to date, and nothing else. */
import { Effect } from "effect"
import { Command } from "effect/cli"
import { app } from "./Program.ts"
import { json, print, reporting } from "./Report.ts"

export const migrate = Command.make(
  "migrate",
  { json },
  Effect.fnUntraced(function* ({ json }) {
    const applied = yield* (yield* app).migrate
    const text = applied.length === 0 ? "The database is up to date" : `Applied ${applied.join(", ")}`
    yield* print(json, { applied }, [text])
  }, reporting)
).pipe(Command.withDescription("Bring the database up to date, without starting the service"))
