/** The blocks of a single node. They do not survive a restart. */
import { Clock, Effect, Layer, Result } from "effect"
import { UserBlocked } from "../../domain/Errors.ts"
import type { Rule } from "../../domain/Limits.ts"
import { BLOCK_MEMORY } from "../../domain/Limits.ts"
import { type Block, Blocks, nextBlock, type Subject } from "../../domain/ports/Blocks.ts"

const free = Result.succeed<void>(undefined)

/** What one node knows of blocks. */
export class KnownBlocks {
  /** Oldest first. */
  readonly #blocks = new Map<Subject, Block>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  put(block: Block, now: number): void {
    this.#blocks.delete(block.subject)
    for (const [subject, { until }] of this.#blocks) {
      if (until + BLOCK_MEMORY > now && this.#blocks.size < this.#capacity) break
      this.#blocks.delete(subject)
    }
    this.#blocks.set(block.subject, block)
  }

  delete(subject: Subject): void {
    this.#blocks.delete(subject)
  }

  find(subject: Subject): Block | undefined {
    return this.#blocks.get(subject)
  }

  check(subject: Subject, now: number): Result.Result<void, UserBlocked> {
    // Nearly always nobody is blocked, and a subject's name is not worth looking up.
    const found = this.#blocks.size === 0 ? undefined : this.#blocks.get(subject)
    return found === undefined || found.until <= now
      ? free
      : Result.fail(new UserBlocked({ until: found.until }))
  }

  strike(subject: Subject, rule: Rule, lengths: ReadonlyArray<number>, now: number): Block {
    const block = nextBlock(this.#blocks.get(subject), { subject, rule, lengths, now })
    this.put(block, now)
    return block
  }

  list(limit: number, now: number): ReadonlyArray<Block> {
    return Array.from(this.#blocks.values())
      .filter(({ until }) => until > now)
      .toSorted((left, right) => right.until - left.until)
      .slice(0, limit)
  }
}

export interface BlocksOptions {
  /** Milliseconds of the first block, the second, … */
  readonly lengths: ReadonlyArray<number>
  /** Subjects known at the same time; past it the oldest are forgotten. */
  readonly maxSubjects: number
}

export const layer = ({ lengths, maxSubjects }: BlocksOptions) =>
  Layer.effect(
    Blocks,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const known = new KnownBlocks(maxSubjects)
      const now = () => clock.currentTimeMillisUnsafe()
      let changed: (subject: Subject) => void = () => {}
      return Blocks.of({
        check: (subject) => known.check(subject, now()),
        strike: (subject, rule) =>
          Effect.sync(() => {
            const block = known.strike(subject, rule, lengths, now())
            changed(subject)
            return block
          }),
        lift: (subject) =>
          Effect.sync(() => {
            known.delete(subject)
            changed(subject)
          }),
        find: (subject) => Effect.sync(() => known.find(subject)),
        list: (limit) => Effect.sync(() => known.list(limit, now())),
        // There are no other nodes.
        heard: () => {},
        onChange: (listener) => {
          changed = listener
        },
        inDoubt: () => {}
      })
    })
  )
