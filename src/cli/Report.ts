/** What a command prints: lines for a person, or one JSON value for a program (`--json`). */
import { Console, Effect, Logger } from "effect"
import { Flag } from "effect/cli"

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON value instead of text"),
  Flag.withDefault(false)
)

export const print = (asJson: boolean, value: unknown, text: ReadonlyArray<string>) =>
  Console.log(asJson ? JSON.stringify(value, null, 2) : text.join("\n"))

/** What a command answers is all that there is on standard output, whatever is logged on the way to it. */
export const reporting = Effect.provideService(Logger.LogToStderr, true)
