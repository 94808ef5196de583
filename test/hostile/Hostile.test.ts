/** A short run of hostile input. `npm run hostile` runs a longer one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./Hostile.ts"

const seed = Number(process.env.HOSTILE_SEED ?? 7)

describe("Under malformed frames, requests, protos and tokens", () => {
  it.live(
    "the service lives, makes no mistake, tells and believes nothing it should not, and does not grow",
    () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const log = (line: string) => void lines.push(line)
        const { outcomes, wrong } = yield* run({ seed, inputs: 4_000, log })
        const found = [...outcomes].map(([outcome, times]) => `${outcome}: ${times}`)
        assert.deepStrictEqual(wrong.slice(0, 10), [], [...lines, ...found].join("\n"))
        // All kinds have reached what they are meant for.
        for (const outcome of [
          "close 1011",
          "http 400",
          "http 403",
          "token 401",
          "token 403",
          "grpc INTERNAL"
        ]) {
          assert.isTrue(outcomes.has(outcome), `${outcome} in ${found.join(", ")}`)
        }
      }),
    { timeout: 300_000 }
  )
})
