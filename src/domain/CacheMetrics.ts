/** How often a cache has what it is asked for, as `/metrics` shows it. Counting is an addition, and nothing more. */
import { Effect } from "effect"
import * as LiveMetrics from "./LiveMetrics.ts"

export interface CacheCounts {
  hits: number
  misses: number
}

/** The counts of one cache, shown by its name for as long as the scope lasts. */
export const make = Effect.fnUntraced(function* (cache: string) {
  const counts: CacheCounts = { hits: 0, misses: 0 }
  const attributes = { cache }
  yield* LiveMetrics.counter({
    id: "cache_hits_total",
    description: "Questions that a cache had the answer to",
    attributes,
    value: () => counts.hits
  })
  yield* LiveMetrics.counter({
    id: "cache_misses_total",
    description: "Questions that had to be put to whoever knows the answer",
    attributes,
    value: () => counts.misses
  })
  return counts
})
