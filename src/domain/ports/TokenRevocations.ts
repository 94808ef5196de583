/**
 * Which tokens are worth nothing any more, though they have not expired; and which single-use tokens were used. All
 * nodes share it. What is revoked stays so for as long as a token that it means could be believed.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Overloaded, TokenRejected, Unavailable } from "../Errors.ts"
import type { Identity } from "../Identity.ts"
import type { Revocation } from "../Revocation.ts"

export class TokenRevocations extends Context.Service<
  TokenRevocations,
  {
    /**
     * Fails with `revoked`. An answer may be some time old, as configured; nodes that hear of a revocation refuse at
     * once. `Unavailable`: nobody knows, and it is configured that this is no yes.
     */
    readonly check: (identity: Identity) => Effect.Effect<void, TokenRejected | Unavailable>
    /** The same, where only an answer will do: `Unavailable` whenever nobody knows. */
    readonly confirm: (identity: Identity) => Effect.Effect<void, TokenRejected | Unavailable>
    /** What this node knows without asking anyone. */
    readonly isKnown: (identity: Identity) => boolean
    /** Takes a single-use token for its one use: `replayed` for all but the first who ask, on any node. */
    readonly claim: (identity: Identity) => Effect.Effect<void, TokenRejected | Overloaded | Unavailable>
    readonly revoke: (revocation: Revocation) => Effect.Effect<void, Overloaded | Unavailable>
    /** Another node has revoked this. */
    readonly heard: (revocation: Revocation) => void
    /** Revocations of other nodes may have gone unheard: what was believed is asked again. */
    readonly inDoubt: () => void
    /** What the nodes share may have been lost: what this one knows is put back. */
    readonly restore: Effect.Effect<void, Unavailable>
  }
>()("messaging-service/domain/ports/TokenRevocations") {}
