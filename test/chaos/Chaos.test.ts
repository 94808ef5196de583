/** A short run of chaos. `npm run chaos` runs longer ones. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./Chaos.ts"

const seed = Number(process.env.CHAOS_SEED ?? 20_261_124)

describe("Under kills, freezes and cuts of everything", () => {
  it.live(
    "no acknowledged message is lost, none is doubled, and every client ends with one gapless order",
    () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const log = (line: string) => void lines.push(line)
        const { figures, wrong } = yield* run({ seed, conversations: 24, faults: 13, log })
        assert.deepStrictEqual(wrong.slice(0, 10), [], `CHAOS_SEED=${seed} repeats it:\n${lines.join("\n")}`)
        assert.isAbove(figures.refused, 10)
      }),
    { timeout: 300_000 }
  )
})
