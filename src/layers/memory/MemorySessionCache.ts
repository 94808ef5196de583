/** The connections of a single node. */
import { Clock, Duration, Effect, Layer } from "effect"
import { Forbidden } from "../../domain/Errors.ts"
import type { SessionId, UserId } from "../../domain/Ids.ts"
import { type ConnectedSession, limitReached, SessionCache } from "../../domain/ports/SessionCache.ts"

interface Leased {
  readonly session: ConnectedSession
  /** Unix ms. */
  readonly until: number
}

export const layer = (options: { readonly lease: Duration.Duration }) =>
  Layer.sync(SessionCache, () => {
    const lease = Duration.toMillis(options.lease)
    const byUser = new Map<UserId, Map<SessionId, Leased>>()

    /** A user's connections whose lease holds. */
    const own = (userId: UserId, now: number): ReadonlyArray<ConnectedSession> => {
      const sessions = byUser.get(userId)
      if (sessions === undefined) return []
      for (const [id, { until }] of sessions) if (until <= now) sessions.delete(id)
      if (sessions.size === 0) byUser.delete(userId)
      return Array.from(sessions.values(), ({ session }) => session)
    }

    const put = (session: ConnectedSession, now: number): void => {
      const { sessionId, userId } = session
      let sessions = byUser.get(userId)
      if (sessions === undefined) byUser.set(userId, (sessions = new Map()))
      sessions.set(sessionId, { session, until: now + lease })
    }

    return SessionCache.of({
      lease,
      open: Effect.fnUntraced(function* (session, limits) {
        const now = yield* Clock.currentTimeMillis
        const reached = limitReached(own(session.userId, now), session.deviceId, limits)
        if (reached !== undefined) return yield* new Forbidden(reached)
        put(session, now)
      }),
      renew: (session) => Effect.map(Clock.currentTimeMillis, (now) => put(session, now)),
      close: ({ sessionId, userId }) =>
        Effect.sync(() => {
          const sessions = byUser.get(userId)
          if (sessions?.delete(sessionId) && sessions.size === 0) byUser.delete(userId)
        }),
      list: (userId) =>
        Effect.map(Clock.currentTimeMillis, (now) =>
          own(userId, now).toSorted((a, b) => a.connectedAt - b.connectedAt)
        )
    })
  })
