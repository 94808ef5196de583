/**
 * Who is blocked for a while, for behaviour that no person shows: known to all nodes, longer with each time. A subject
 * is a user or an address, as `ofUser` and `ofAddress` name them.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Unavailable, UserBlocked } from "../Errors.ts"
import type { UserId } from "../Ids.ts"
import { BLOCK_MEMORY, blockLength, type Rule } from "../Limits.ts"
import type { Admitted } from "./RateLimiter.ts"

export type Subject = `user:${string}` | `address:${string}`

export const ofUser = (userId: UserId): Subject => `user:${userId}`
export const ofAddress = (address: string): Subject => `address:${address}`

export interface Block {
  readonly subject: Subject
  readonly rule: Rule
  /** 1 for the first block, 2 for the next within a day of it, … */
  readonly level: number
  /** Unix ms. */
  readonly since: number
  /** Unix ms. */
  readonly until: number
}

/** The block after `previous`; a block that lasts is not followed by another. */
export const nextBlock = (
  previous: Block | undefined,
  {
    lengths,
    now,
    rule,
    subject
  }: {
    readonly subject: Subject
    readonly rule: Rule
    readonly lengths: ReadonlyArray<number>
    readonly now: number
  }
): Block => {
  if (previous !== undefined && previous.until > now) return previous
  const former = previous !== undefined && previous.until + BLOCK_MEMORY > now ? previous.level : 0
  return { subject, rule, level: former + 1, since: now, until: now + blockLength(lengths, former) }
}

export class Blocks extends Context.Service<
  Blocks,
  {
    /** Known at once wherever this node has asked before, since it hears of what changes. */
    readonly check: (subject: Subject) => Admitted<void, UserBlocked>
    /** Blocks, and tells all nodes. Where what they share does not answer, this node alone. */
    readonly strike: (subject: Subject, rule: Rule) => Effect.Effect<Block>
    /** Unblocks, and forgets that there was a block. */
    readonly lift: (subject: Subject) => Effect.Effect<void, Unavailable>
    /** The last block; one that has ended too, while it makes the next one longer. */
    readonly find: (subject: Subject) => Effect.Effect<Block | undefined, Unavailable>
    /** The blocks that last, those that end last first. */
    readonly list: (limit: number) => Effect.Effect<ReadonlyArray<Block>, Unavailable>
    /** Another node has blocked or, with the level 0, unblocked somebody. */
    readonly heard: (block: Block) => void
    /** Sets the one listener for subjects that were blocked or unblocked, here or elsewhere. */
    readonly onChange: (listener: (subject: Subject) => void) => void
    /** What other nodes did may have gone unheard: what was believed is asked again. */
    readonly inDoubt: () => void
  }
>()("messaging-service/domain/ports/Blocks") {}

/** The topic on which nodes tell each other of blocks. No client can join it: it names nothing. */
export const BLOCKS_TOPIC = "blocks"
