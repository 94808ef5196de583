/**
 * Which node does a piece of background work that one node should do. A courtesy between nodes that saves work: what
 * must not happen twice is made so where it happens.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Unavailable } from "../Errors.ts"

export class WorkLeases extends Context.Service<
  WorkLeases,
  {
    /** Takes or keeps the lease of this name; false while another node has it. */
    readonly hold: (name: string) => Effect.Effect<boolean, Unavailable>
    /** Lets it go, for another node to go on at once. */
    readonly release: (name: string) => Effect.Effect<void>
  }
>()("messaging-service/domain/ports/WorkLeases") {}
