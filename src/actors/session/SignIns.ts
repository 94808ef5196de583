/**
 * Where a user is signed in, and signing out: one connection, a device, or everywhere. Signing out revokes the tokens, so
 * that whoever holds them does not come back with them; the sockets are closed on every node.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { NotFound, type Overloaded, type RateLimited, type Unavailable } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { DeviceId, SessionId } from "../../domain/Ids.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { type ConnectedSession, SessionCache } from "../../domain/ports/SessionCache.ts"
import { Revocations } from "./Revocations.ts"

/** A device with its connections. */
export interface Device {
  readonly deviceId: DeviceId
  readonly sessions: number
  /** Unix ms, of the connection that is there longest. */
  readonly connectedAt: number
}

type Refused = Overloaded | Unavailable

export class SignIns extends Context.Service<
  SignIns,
  {
    readonly sessions: (of: Identity) => Effect.Effect<ReadonlyArray<ConnectedSession>, Unavailable>
    readonly devices: (of: Identity) => Effect.Effect<ReadonlyArray<Device>, Unavailable>
    /** Revokes the token that one of one's own connections goes on with. */
    readonly endSession: (by: Identity, id: SessionId) => Effect.Effect<void, NotFound | Refused>
    /** Whatever it was issued until now, whether it is connected or not. */
    readonly endDevice: (by: Identity, id: DeviceId) => Effect.Effect<void, RateLimited | Refused>
    /** On this device, too. */
    readonly endAll: (by: Identity) => Effect.Effect<void, Refused>
  }
>()("messaging-service/actors/session/SignIns") {}

export const layer = Layer.effect(
  SignIns,
  Effect.gen(function* () {
    const cache = yield* SessionCache
    const revocations = yield* Revocations
    const admission = yield* Admission

    return SignIns.of({
      sessions: ({ userId }) => cache.list(userId),
      devices: Effect.fn("SignIns.devices")(function* ({ userId }) {
        const devices = new Map<DeviceId, Device>()
        // Oldest first: the first one of a device says since when it is there.
        for (const { connectedAt, deviceId } of yield* cache.list(userId)) {
          const known = devices.get(deviceId)
          if (known === undefined) devices.set(deviceId, { deviceId, connectedAt, sessions: 1 })
          else devices.set(deviceId, { ...known, sessions: known.sessions + 1 })
        }
        return Array.from(devices.values())
      }),
      endSession: Effect.fn("SignIns.endSession")(function* (by, id) {
        const session = (yield* cache.list(by.userId)).find(({ sessionId }) => sessionId === id)
        if (session === undefined) return yield* new NotFound({ what: "session" })
        const before = yield* Clock.currentTimeMillis
        yield* revocations.revoke(by, { kind: "token", token_id: session.tokenId, before })
      }),
      endDevice: Effect.fn("SignIns.endDevice")(function* (by, device_id) {
        // Any name may be that of a device, and all nodes keep each revocation for as long as a token lives.
        yield* wait(admission.signOut(by))
        const before = yield* Clock.currentTimeMillis
        yield* revocations.revoke(by, { kind: "device", user_id: by.userId, device_id, before })
      }),
      endAll: Effect.fn("SignIns.endAll")(function* (by) {
        const before = yield* Clock.currentTimeMillis
        yield* revocations.revoke(by, { kind: "user", user_id: by.userId, before })
      })
    })
  })
)
