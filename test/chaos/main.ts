/**
 * `npm run chaos -- [--seed 1] [--rounds 1] [--conversations 200] [--faults 60]`: longer runs, one for each seed from
 * `--seed` on, until one breaks a promise. That one's seed repeats it.
 */
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import { run } from "./Chaos.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    rounds: { type: "string", default: "1" },
    conversations: { type: "string", default: "200" },
    faults: { type: "string", default: "60" }
  }
})

const round = Effect.fnUntraced(function* (seed: number) {
  const conversations = Number(values.conversations)
  const log = (line: string) => process.stdout.write(`${line}\n`)
  const { wrong } = yield* Effect.scoped(run({ seed, conversations, faults: Number(values.faults), log }))
  for (const line of wrong) yield* Console.error(line)
  if (wrong.length > 0)
    return yield* Effect.fail(`${wrong.length} promises were broken; --seed ${seed} repeats it`)
})

const seeds = Array.from({ length: Number(values.rounds) }, (_, i) => Number(values.seed) + i)

NodeRuntime.runMain(Effect.forEach(seeds, round, { discard: true }))
