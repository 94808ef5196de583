/** When users were last there, kept for good, and whether they want it known. */
import { Context, type Effect } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { UserId } from "../Ids.ts"

export interface Seen {
  readonly userId: UserId
  /** Unix ms. */
  readonly at: number
}

export interface LastSeen {
  /** Unix ms; `undefined` for never. */
  readonly at: number | undefined
  /** The user neither tells it nor is told it of others. */
  readonly isHidden: boolean
}

export class LastSeenStore extends Context.Service<
  LastSeenStore,
  {
    /** Each user once. What is known to be later stays. */
    readonly record: (seen: ReadonlyArray<Seen>) => Effect.Effect<void, Unavailable>
    /** Batched across callers. */
    readonly of: (userId: UserId) => Effect.Effect<LastSeen, Unavailable>
  }
>()("messaging-service/domain/ports/LastSeenStore") {}
