/**
 * Where a process of the service listens, for the others that share its Redis: a request whose session lives elsewhere
 * is taken there. Ids are never given twice, so an address that was found stays right for as long as its process lives.
 */
import { Context, type Effect } from "effect"
import type { Unavailable } from "../Errors.ts"

/** Milliseconds for which an announced address is known. */
export const ADDRESS_LIFETIME = 60_000

export interface NodeAddress {
  readonly host: string
  readonly port: number
}

export class NodeAddresses extends Context.Service<
  NodeAddresses,
  {
    readonly announce: (node: string, address: NodeAddress) => Effect.Effect<void, Unavailable>
    /** `undefined` for a node that is gone, or that nobody has heard of. */
    readonly find: (node: string) => Effect.Effect<NodeAddress | undefined, Unavailable>
  }
>()("messaging-service/domain/ports/NodeAddresses") {}
