/** The revoked and the used tokens of a single node. They do not survive a restart. */
import { Clock, Duration, Effect, Layer } from "effect"
import { Overloaded, TokenRejected } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import { TokenRevocations } from "../../domain/ports/TokenRevocations.ts"
import { RevocationList } from "../../domain/Revocation.ts"

export interface MemoryRevocationOptions {
  /** How long a token can be believed after it was issued, clocks that differ included. */
  readonly lifetime: Duration.Duration
  /** Revocations, and used tokens, kept at the same time; past it further ones answer `overloaded`. */
  readonly capacity?: number
}

export const layer = ({ capacity = 100_000, lifetime }: MemoryRevocationOptions) =>
  Layer.sync(TokenRevocations, () => {
    const lifetimeMs = Duration.toMillis(lifetime)
    const revoked = new RevocationList(capacity)
    /** Until when each used token must not be used again; oldest first. */
    const used = new Map<string, number>()

    const forgetExpired = (now: number): void => {
      for (const [tokenId, until] of used) {
        if (until > now) return
        used.delete(tokenId)
      }
    }

    const check = (identity: Identity) =>
      revoked.covers(identity) ? Effect.fail(new TokenRejected({ reason: "revoked" })) : Effect.void

    return TokenRevocations.of({
      check,
      confirm: check,
      isKnown: (identity) => revoked.covers(identity),
      claim: Effect.fnUntraced(function* ({ tokenId }) {
        const now = yield* Clock.currentTimeMillis
        forgetExpired(now)
        if (used.has(tokenId)) return yield* new TokenRejected({ reason: "replayed" })
        if (used.size >= capacity) return yield* new Overloaded({ what: "single-use tokens" })
        used.set(tokenId, now + lifetimeMs)
      }),
      revoke: Effect.fnUntraced(function* (revocation) {
        const now = yield* Clock.currentTimeMillis
        if (revoked.isFull(now)) return yield* new Overloaded({ what: "revocations" })
        revoked.add(revocation, now + lifetimeMs, now)
      }),
      // There are no other nodes.
      heard: () => {},
      inDoubt: () => {},
      restore: Effect.void
    })
  })
