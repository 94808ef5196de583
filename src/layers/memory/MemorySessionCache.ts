/** The connections of a single node. */
import { Clock, Duration, Effect, Layer } from "effect"
import type { SessionId, UserId } from "../../domain/Ids.ts"
import { type ConnectedSession, limitReached, SessionCache } from "../../domain/ports/SessionCache.ts"

interface Leased {
  readonly session: ConnectedSession
  /** Unix ms. */
  readonly until: number
}

type Index<K, V> = Map<K, Map<SessionId, V>>

const add = <K, V>(index: Index<K, V>, key: K, id: SessionId, value: V): void => {
  const values = index.get(key)
  if (values === undefined) index.set(key, new Map([[id, value]]))
  else values.set(id, value)
}

const remove = <K, V>(index: Index<K, V>, key: K, id: SessionId): void => {
  const values = index.get(key)
  if (values?.delete(id) && values.size === 0) index.delete(key)
}

/** Those under a key whose lease holds; the others are forgotten. */
const holding = <K>(index: Index<K, Leased>, key: K, now: number): ReadonlyMap<SessionId, Leased> => {
  const values = index.get(key) ?? new Map<SessionId, Leased>()
  for (const [id, { until }] of values) if (until <= now) remove(index, key, id)
  return values
}

export const layer = (options: { readonly lease: Duration.Duration }) =>
  Layer.sync(SessionCache, () => {
    const lease = Duration.toMillis(options.lease)
    const byUser: Index<UserId, Leased> = new Map()
    const byAddress: Index<string, Leased> = new Map()

    const put = (session: ConnectedSession, now: number): void => {
      const { address, sessionId, userId } = session
      const leased = { session, until: now + lease }
      add(byUser, userId, sessionId, leased)
      add(byAddress, address, sessionId, leased)
    }

    /** A user's connections. */
    const own = (userId: UserId, now: number): ReadonlyArray<ConnectedSession> =>
      Array.from(holding(byUser, userId, now).values(), ({ session }) => session)

    return SessionCache.of({
      lease,
      open: Effect.fnUntraced(function* (session, limits) {
        const now = yield* Clock.currentTimeMillis
        const ofAddress = limits.perAddress === undefined ? 0 : holding(byAddress, session.address, now).size
        const reached = limitReached(own(session.userId, now), ofAddress, session, limits)
        if (reached !== undefined) return yield* reached
        put(session, now)
      }),
      renew: (session) => Effect.map(Clock.currentTimeMillis, (now) => put(session, now)),
      close: ({ address, sessionId, userId }) =>
        Effect.sync(() => {
          remove(byUser, userId, sessionId)
          remove(byAddress, address, sessionId)
        }),
      list: (userId) =>
        Effect.map(Clock.currentTimeMillis, (now) =>
          own(userId, now).toSorted((a, b) => a.connectedAt - b.connectedAt)
        )
    })
  })
