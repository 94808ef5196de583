/**
 * Who is on which topic, as the nodes tell each other. Each node writes its own devices and holds a lease; what is
 * written under a lease that has run out is not there any more, whoever wrote it. Nothing here outlives its nodes, and
 * losing it all loses nothing: every node writes its own again.
 *
 * A node is an incarnation of a process, never a name that comes back: a new one of them inherits nothing.
 */
import { Context, type Duration, type Effect } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { UserId } from "../Ids.ts"
import type { Meta } from "../Presence.ts"

/** One device on one topic. Its `phx_ref` names it among all nodes. */
export interface Present {
  readonly userId: UserId
  readonly meta: Meta
}

export interface Held extends Present {
  readonly node: string
}

export interface TopicChange {
  readonly topic: string
  readonly joins: ReadonlyArray<Present>
  /** The refs of devices that left. */
  readonly leaves: ReadonlyArray<string>
}

export interface Beat {
  /** The nodes with a lease, this one included. */
  readonly live: ReadonlySet<string>
  /** There was no lease to renew: it is the first one, it had run out, or it was lost. */
  readonly isNew: boolean
}

export class PresenceCache extends Context.Service<
  PresenceCache,
  {
    /** Whether other nodes write here, too. */
    readonly isShared: boolean
    /** Takes or renews a node's lease. */
    readonly beat: (node: string, lease: Duration.Duration) => Effect.Effect<Beat, Unavailable>
    /** Gives the lease up, and with it all that was written under it. */
    readonly leave: (node: string) => Effect.Effect<void, Unavailable>
    /** Each change of a topic is written whole or not at all; those of several topics may be partly written. */
    readonly write: (node: string, changes: ReadonlyArray<TopicChange>) => Effect.Effect<void, Unavailable>
    /** The devices of live nodes on each of these topics. */
    readonly read: (
      topics: ReadonlyArray<string>
    ) => Effect.Effect<
      { readonly live: ReadonlySet<string>; readonly held: ReadonlyMap<string, ReadonlyArray<Held>> },
      Unavailable
    >
    /** Removes what dead nodes have left behind, and answers how many devices that were. Several may do it at once. */
    readonly sweep: Effect.Effect<number, Unavailable>
  }
>()("messaging-service/domain/ports/PresenceCache") {}
