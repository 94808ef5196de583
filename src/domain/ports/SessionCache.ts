/**
 * Who is connected, on all nodes: one record per connection, found by its user, and counted by its address. A record
 * holds as long as its lease, which its node renews; that of a node that died is gone when the lease is over.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import { Forbidden, RateLimited, type Unavailable } from "../Errors.ts"
import type { DeviceId, SessionId, UserId } from "../Ids.ts"

export interface ConnectedSession {
  readonly sessionId: SessionId
  readonly userId: UserId
  readonly deviceId: DeviceId
  /** Of the token it goes on with. */
  readonly tokenId: string
  /** The client's, as `ClientAddress.limitKey` names it. */
  readonly address: string
  /** Unix ms. */
  readonly connectedAt: number
}

export interface SessionLimits {
  /** Of one user. */
  readonly devices: number
  /** Of one user. */
  readonly connections: number
  /** Connections of one address; `undefined` where they are not limited. */
  readonly perAddress: number | undefined
}

export const tooManyDevices = new Forbidden({ rule: "devices:limit" })
export const tooManyConnections = new Forbidden({ rule: "connections:limit" })

/** When somebody else of the address will leave, nobody knows: whoever is refused asks again after this. */
const ADDRESS_RETRY_MS = 30_000

export const tooManyOfAddress = (limit: number): RateLimited =>
  new RateLimited({ scope: "address_sockets", limit, retryAfterMs: ADDRESS_RETRY_MS })

export class SessionCache extends Context.Service<
  SessionCache,
  {
    /** Adds a connection within the limits, or leaves no trace. A device that is connected already counts once. */
    readonly open: (
      session: ConnectedSession,
      limits: SessionLimits
    ) => Effect.Effect<void, Forbidden | RateLimited | Unavailable>
    /** Renews the lease, and says what has changed. Puts a record back that was lost. */
    readonly renew: (session: ConnectedSession) => Effect.Effect<void, Unavailable>
    readonly close: (
      session: Pick<ConnectedSession, "sessionId" | "userId" | "address">
    ) => Effect.Effect<void, Unavailable>
    /** Oldest first. */
    readonly list: (userId: UserId) => Effect.Effect<ReadonlyArray<ConnectedSession>, Unavailable>
    /** Milliseconds that a lease lasts. */
    readonly lease: number
  }
>()("messaging-service/domain/ports/SessionCache") {}

/** Which limit one more connection would break, given those of its user, and how many there are of its address. */
export const limitReached = (
  connected: Iterable<{ readonly deviceId: DeviceId }>,
  ofAddress: number,
  { deviceId }: Pick<ConnectedSession, "deviceId">,
  limits: SessionLimits
): Forbidden | RateLimited | undefined => {
  if (limits.perAddress !== undefined && ofAddress >= limits.perAddress) {
    return tooManyOfAddress(limits.perAddress)
  }
  const devices = new Set<DeviceId>()
  let connections = 0
  for (const session of connected) {
    connections++
    devices.add(session.deviceId)
  }
  if (connections >= limits.connections) return tooManyConnections
  return !devices.has(deviceId) && devices.size >= limits.devices ? tooManyDevices : undefined
}
