/**
 * Who is calling, as a verified token says. This is the only source of a sender's identity: no payload, header
 * or query names a user.
 */
import { Schema } from "effect"
import type { DeviceId, SessionId, UserId } from "./Ids.ts"

/** Multiplies a user's rate limits: suspect ×0.1, normal ×1, verified ×2, premium ×3. */
export const TrustLevel = Schema.Literals(["suspect", "normal", "verified", "premium"])
export type TrustLevel = typeof TrustLevel.Type

export interface Identity {
  readonly userId: UserId
  readonly deviceId: DeviceId
  /** The token's own id, by which it can be revoked. */
  readonly tokenId: string
  readonly trust: TrustLevel
  readonly scopes: ReadonlyArray<string>
  /** Unix ms. */
  readonly issuedAt: number
  /** Unix ms, from when on the token is no longer believed: its `exp`, or its greatest age when that is sooner. */
  readonly expiresAt: number
}

/** Who, over which connection. REST calls have no session. */
export interface Caller {
  readonly identity: Identity
  readonly sessionId: SessionId | null
}
