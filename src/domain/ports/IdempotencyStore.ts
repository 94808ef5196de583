/**
 * Which requests a user has named by a key of their own, and what they were answered. The storage, not the node, says
 * who runs one: of those that come at once, on whichever nodes, one is told to.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { UserId } from "../Ids.ts"

export interface KeyedRequest {
  readonly userId: UserId
  readonly key: string
  /** Of everything that makes it this request. */
  readonly digest: string
}

export interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** `null`: it has none. */
  readonly body: string | null
}

/** The right to run a request, until the lease is over. */
export interface Claimed {
  readonly _tag: "Claimed"
  /** For what the request creates; the same for whoever runs it. */
  readonly id: string
  readonly claim: string
}

/**
 * `Answered`: it was run before. `Running`: somebody runs it. `Another`: the key names another request.
 */
export type Claim =
  | Claimed
  | { readonly _tag: "Answered"; readonly answer: KeptAnswer }
  | { readonly _tag: "Running" }
  | { readonly _tag: "Another" }

export class IdempotencyStore extends Context.Service<
  IdempotencyStore,
  {
    /** Not `exclusive`, the request is only remembered, and whoever asks may run it. */
    readonly claim: (request: KeyedRequest, exclusive: boolean) => Effect.Effect<Claim, Unavailable>
    /** Ends a claim: with an answer, that is the answer from now on; without one, the next to ask runs it. */
    readonly settle: (
      request: KeyedRequest,
      claimed: Claimed,
      answer: KeptAnswer | undefined
    ) => Effect.Effect<void, Unavailable>
    /** Forgets keys whose time is over, in steps; answers how many. */
    readonly sweep: Effect.Effect<number, Unavailable>
  }
>()("messaging-service/domain/ports/IdempotencyStore") {}
