/** The one failure of a benchmark run: something that had to work did not. The message says what. */
import { Effect, Schema } from "effect"

export class BenchFailed extends Schema.TaggedError<BenchFailed>()("BenchFailed", {
  message: Schema.String
}) {}

/** A promise that must not reject; `what` begins the message if it does. */
export const attempt = <A>(what: string, run: () => Promise<A>): Effect.Effect<A, BenchFailed> =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      new BenchFailed({ message: `${what}: ${error instanceof Error ? error.message : String(error)}` })
  })
