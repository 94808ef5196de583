/** Says on stderr what is being done; stdout is for the results. */
import { Effect } from "effect"

export const progress = (text: string): Effect.Effect<void> =>
  Effect.sync(() => void process.stderr.write(`${text}\n`))
