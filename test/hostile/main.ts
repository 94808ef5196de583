/**
 * `npm run hostile -- [--seed 1] [--inputs 100000]`: a longer run. The seed repeats the kind of inputs; which of them meet
 * is chance.
 */
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import { run } from "./Hostile.ts"

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, inputs: { type: "string", default: "100000" } }
})

const main = Effect.gen(function* () {
  const log = (line: string) => process.stdout.write(`${line}\n`)
  const options = { seed: Number(values.seed), inputs: Number(values.inputs), log }
  const { outcomes, wrong } = yield* Effect.scoped(run(options))
  for (const [outcome, times] of [...outcomes].sort()) log(`${outcome}: ${times}`)
  for (const line of wrong.slice(0, 50)) yield* Console.error(line)
  if (wrong.length > 0) return yield* Effect.fail(`${wrong.length} things went wrong; --seed ${values.seed}`)
})

NodeRuntime.runMain(main)
