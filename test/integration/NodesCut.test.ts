/**
 * Three nodes that reach Postgres, Redis and their clients, and not each other: each does the work itself, and storage
 * keeps the order. Clients are served meanwhile, and everybody has everything, once and in order.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "../chaos/Chaos.ts"

describe("Nodes that are cut from one another", () => {
  it.live.each(["cut from the other nodes", "no route between any nodes"])(
    "serve their clients, and lose, double and disorder nothing: %s",
    (only) =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const log = (line: string) => void lines.push(line)
        const { measured, wrong } = yield* run({ seed: 9, conversations: 8, faults: 2, only, log })
        assert.deepStrictEqual(wrong.slice(0, 10), [], lines.join("\n"))
        assert.deepStrictEqual(
          measured.map(({ kind }) => kind),
          [only, only]
        )
      }),
    { timeout: 240_000 }
  )
})
