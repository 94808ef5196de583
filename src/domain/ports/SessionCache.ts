/**
 * Who is connected, on all nodes: one record per connection, found by its user. A record holds as long as its lease,
 * which its node renews; that of a node that died is gone when the lease is over.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Forbidden, Unavailable } from "../Errors.ts"
import type { DeviceId, SessionId, UserId } from "../Ids.ts"

export interface ConnectedSession {
  readonly sessionId: SessionId
  readonly userId: UserId
  readonly deviceId: DeviceId
  /** Of the token it goes on with. */
  readonly tokenId: string
  /** Unix ms. */
  readonly connectedAt: number
}

/** Of one user. */
export interface SessionLimits {
  readonly devices: number
  readonly connections: number
}

export const tooManyDevices = { rule: "devices:limit" } as const
export const tooManyConnections = { rule: "connections:limit" } as const

export class SessionCache extends Context.Service<
  SessionCache,
  {
    /** Adds a connection within its user's limits. A device that is connected already counts once. */
    readonly open: (
      session: ConnectedSession,
      limits: SessionLimits
    ) => Effect.Effect<void, Forbidden | Unavailable>
    /** Renews the lease, and says what has changed. Puts a record back that was lost. */
    readonly renew: (session: ConnectedSession) => Effect.Effect<void, Unavailable>
    readonly close: (
      session: Pick<ConnectedSession, "sessionId" | "userId">
    ) => Effect.Effect<void, Unavailable>
    /** Oldest first. */
    readonly list: (userId: UserId) => Effect.Effect<ReadonlyArray<ConnectedSession>, Unavailable>
    /** Milliseconds that a lease lasts. */
    readonly lease: number
  }
>()("messaging-service/domain/ports/SessionCache") {}

/** Which limit one more connection of this device would break, given those that there are. */
export const limitReached = (
  connected: Iterable<{ readonly deviceId: DeviceId }>,
  deviceId: DeviceId,
  limits: SessionLimits
): typeof tooManyDevices | typeof tooManyConnections | undefined => {
  const devices = new Set<DeviceId>()
  let connections = 0
  for (const session of connected) {
    connections++
    devices.add(session.deviceId)
  }
  if (connections >= limits.connections) return tooManyConnections
  return !devices.has(deviceId) && devices.size >= limits.devices ? tooManyDevices : undefined
}
