/**
 * The connections of this node as all nodes know them: each takes its place before it is accepted, keeps it by renewing
 * its lease, and gives it back at its end. While the others cannot be asked, this node holds its own connections to the
 * limits, and turns nobody away for what it does not know.
 */
import { Clock, Duration, Effect, Schedule } from "effect"
import type { Forbidden, RateLimited, TokenRejected, Unavailable } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { SessionId, UserId } from "../../domain/Ids.ts"
import {
  type ConnectedSession,
  limitReached,
  SessionCache,
  type SessionLimits
} from "../../domain/ports/SessionCache.ts"
import { TokenRevocations } from "../../domain/ports/TokenRevocations.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import type { Connected } from "./Connected.ts"

/** Leases renewed at a time. */
const CONCURRENCY = 200

export interface SessionRegister {
  /** A place for one more connection of this identity, which must not be revoked, from this address. */
  readonly admit: (
    identity: Identity,
    address: string
  ) => Effect.Effect<ConnectedSession, Forbidden | RateLimited | TokenRejected | Unavailable>
  /** The connection goes on with another token. */
  readonly update: (session: Connected) => Effect.Effect<void>
  readonly release: (
    session: Pick<ConnectedSession, "sessionId" | "userId" | "address">
  ) => Effect.Effect<void>
  /** Renews all leases in time; the supervision tree runs it. */
  readonly keep: Effect.Effect<never>
}

export interface Local {
  readonly all: () => Iterable<Connected>
  readonly ofUser: (userId: UserId) => Iterable<Connected>
  /** How many there are of an address. */
  readonly ofAddress: (address: string) => number
}

const recordOf = ({
  address,
  caller: { identity, sessionId },
  connectedAt
}: Connected): ConnectedSession => ({
  sessionId,
  userId: identity.userId,
  deviceId: identity.deviceId,
  tokenId: identity.tokenId,
  address,
  connectedAt
})

export const make = Effect.fnUntraced(function* (limits: SessionLimits, local: Local) {
  const cache = yield* SessionCache
  const revocations = yield* TokenRevocations

  const admitAlone = (session: ConnectedSession): Effect.Effect<void, Forbidden | RateLimited> =>
    Effect.suspend(() => {
      const connected = Array.from(local.ofUser(session.userId), recordOf)
      const reached = limitReached(connected, local.ofAddress(session.address), session, limits)
      return reached === undefined ? Effect.void : Effect.fail(reached)
    })

  const release: SessionRegister["release"] = (session) => Effect.ignore(cache.close(session))

  /**
   * One that ended meanwhile may have given its place back before that was renewed: it has none. One that went on with
   * another token meanwhile may have been put back with the former: two renewals do not keep their order.
   */
  const update = (session: Connected): Effect.Effect<void> =>
    Effect.suspend(() => {
      const record = recordOf(session)
      return Effect.andThen(
        Effect.ignore(cache.renew(record)),
        Effect.suspend(() => {
          if (session.hasEnded) return release(record)
          return session.caller.identity.tokenId === record.tokenId ? Effect.void : update(session)
        })
      )
    })
  const renewAll = Effect.suspend(() =>
    Effect.forEach(Array.from(local.all()), (session) => (session.hasEnded ? Effect.void : update(session)), {
      concurrency: CONCURRENCY,
      discard: true
    })
  )

  const register: SessionRegister = {
    admit: Effect.fnUntraced(function* (identity, address) {
      yield* revocations.check(identity)
      const { deviceId, tokenId, userId } = identity
      const connectedAt = yield* Clock.currentTimeMillis
      const sessionId = newId() as SessionId
      const session = { sessionId, userId, deviceId, tokenId, address, connectedAt }
      yield* Effect.catchTag(cache.open(session, limits), "Unavailable", () => admitAlone(session))
      return session
    }),
    update,
    release,
    keep: Effect.andThen(
      Effect.repeat(renewAll, Schedule.spaced(Duration.millis(cache.lease / 3))),
      Effect.never
    )
  }
  return register
})
