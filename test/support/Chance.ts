/** Chance that a seed repeats (mulberry32), and what tests make of it. */
export interface Chance {
  /** From 0 up to, and without, 1. */
  readonly next: () => number
  /** From 0 up to, and without, `below`. */
  readonly int: (below: number) => number
  readonly pick: <A>(options: ReadonlyArray<A>) => A
  readonly is: (probability: number) => boolean
  readonly bytes: (length: number) => Buffer
}

export const chance = (seed: number): Chance => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number) => Math.floor(next() * below)
  return {
    next,
    int,
    pick: (options) => options[int(options.length)]!,
    is: (probability) => next() < probability,
    bytes: (length) => Buffer.from(Uint8Array.from({ length }, () => int(256)))
  }
}
