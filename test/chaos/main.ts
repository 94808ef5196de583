/**
 * `npm run chaos -- [--seed 1] [--rounds 1] [--conversations 200] [--faults 60] [--only SIGKILL]`: longer runs, one for
 * each seed from `--seed` on, until one breaks a promise. That one's seed repeats it. Ends with how long sends took under
 * each kind of fault, the medians over all that came alone. `--only` has one kind come, and nothing else: any that a run
 * names, or "rolling restart".
 */
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import { median } from "../../bench/support/median.ts"
import { type Measured, run } from "./Chaos.ts"
import { kindsOf } from "./Faults.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    rounds: { type: "string", default: "1" },
    conversations: { type: "string", default: "200" },
    faults: { type: "string", default: "60" },
    only: { type: "string" }
  }
})

const all: Array<Measured> = []

const round = Effect.fnUntraced(function* (seed: number) {
  const conversations = Number(values.conversations)
  const log = (line: string) => process.stdout.write(`${line}\n`)
  const options = { seed, conversations, faults: Number(values.faults), only: values.only, log }
  const { measured, wrong } = yield* Effect.scoped(run(options))
  all.push(...measured)
  for (const line of wrong) yield* Console.error(line)
  if (wrong.length > 0)
    return yield* Effect.fail(`${wrong.length} promises were broken; --seed ${seed} repeats it`)
})

const seeds = Array.from({ length: Number(values.rounds) }, (_, i) => Number(values.seed) + i)

const summary = Effect.suspend(() =>
  Effect.forEach(
    Map.groupBy(all, ({ kind }) => kind),
    ([kind, figures]) => {
      const of = (figure: "p50" | "p99" | "slowest") => Math.round(median(figures.map((one) => one[figure])))
      return Console.log(
        `${kind} (${figures.length}): sends took p50 ${of("p50")} ms, p99 ${of("p99")} ms, slowest ${of("slowest")} ms`
      )
    }
  )
)

const refuse = Effect.fail(`no fault is called ${values.only}`)

NodeRuntime.runMain(
  kindsOf(values.only).length === 0
    ? refuse
    : Effect.andThen(Effect.forEach(seeds, round, { discard: true }), summary)
)
