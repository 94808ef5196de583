/**
 * How much one service may ask of this node: calls in time, and calls under way, so that one which runs wild leaves room
 * for the others. Time is counted by a bucket that fills evenly: what was not used is there for a burst.
 *
 * Each node counts for itself: what is kept from harm here is the node, not a price list.
 */
import { Clock, Effect, Metric } from "effect"
import { RateLimited } from "../../domain/Errors.ts"
import type { Rate } from "../../domain/Limits.ts"
import type { Peer } from "../../domain/PeerCommands.ts"

const refusals = Metric.counter("grpc_server_limited_total", {
  description: "gRPC calls refused because their service had reached a limit, by service and scope",
  incremental: true
})

export interface PeerLimitOptions {
  /** `max` at once, and as many again in each window, evenly; `undefined` where time is not limited. */
  readonly rate: Rate | undefined
  /** Of one service, under way at once. */
  readonly maxCalls: number
}

interface Account {
  /** Calls that may be made now; a part of one, too. */
  left: number
  /** Unix ms of the last look at `left`. */
  countedAt: number
  underWay: number
}

/** Services that are counted apart. Names come from our issuer's tokens or our authority's certificates: there are few. */
const MAX_PEERS = 10_000

/** When one of its own calls will be done, nobody knows: a service asks again after this. */
const UNDER_WAY_RETRY_MS = 1000

/** Does the work of one call of this service, if it may make one more. */
export type Within = <A, E>(peer: Peer, work: Effect.Effect<A, E>) => Effect.Effect<A, E | RateLimited>

export const make = Effect.fnUntraced(function* ({ maxCalls, rate }: PeerLimitOptions) {
  const clock = yield* Clock.Clock
  /** Who has not called for longest first. */
  const accounts = new Map<string, Account>()

  const accountOf = (name: string, now: number): Account => {
    const known = accounts.get(name)
    const account = known ?? { left: rate?.max ?? 0, countedAt: now, underWay: 0 }
    accounts.delete(name)
    if (accounts.size >= MAX_PEERS) accounts.delete(accounts.keys().next().value!)
    accounts.set(name, account)
    return account
  }

  const takeOne = (account: Account, { max, windowMs }: Rate, now: number): RateLimited | undefined => {
    const perMs = max / windowMs
    account.left = Math.min(max, account.left + Math.max(0, now - account.countedAt) * perMs)
    account.countedAt = now
    if (account.left < 1) {
      const retryAfterMs = Math.ceil((1 - account.left) / perMs)
      return new RateLimited({ scope: "service_calls", limit: max, windowMs, retryAfterMs })
    }
    account.left--
    return undefined
  }

  const refused = (name: string, refusal: RateLimited): Effect.Effect<never, RateLimited> =>
    Effect.andThen(
      Metric.update(Metric.withAttributes(refusals, { service: name, scope: refusal.scope }), 1),
      Effect.fail(refusal)
    )

  const within: Within = <A, E>({ name }: Peer, work: Effect.Effect<A, E>) =>
    Effect.suspend((): Effect.Effect<A, E | RateLimited> => {
      const now = clock.currentTimeMillisUnsafe()
      const account = accountOf(name, now)
      if (account.underWay >= maxCalls) {
        const scope = "service_calls_under_way"
        return refused(name, new RateLimited({ scope, limit: maxCalls, retryAfterMs: UNDER_WAY_RETRY_MS }))
      }
      const tooMany = rate && takeOne(account, rate, now)
      if (tooMany !== undefined) return refused(name, tooMany)
      account.underWay++
      return Effect.ensuring(
        work,
        Effect.sync(() => {
          account.underWay--
        })
      )
    })
  return within
})
