/**
 * Issues tokens to whoever asks, so that a newcomer can chat without an auth service. Exists in dev and test
 * only: where nothing provides this port, `POST /dev/token` and its JWKS do not exist.
 */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { TrustLevel } from "../Identity.ts"
import { DeviceId, UserId } from "../Ids.ts"
import { Timestamp } from "../Message.ts"

/** `TrustLevel` as it stands in tokens and in requests for them. */
export const TrustLevelClaim: Schema.Codec<TrustLevel> = Schema.Literals([
  "suspect",
  "normal",
  "verified",
  "premium"
])

/** Whom the token is for. An id that is left out is made up. */
export const DevTokenRequest = Schema.Struct({
  user_id: Schema.optionalKey(UserId),
  device_id: Schema.optionalKey(DeviceId),
  trust_level: Schema.optionalKey(TrustLevelClaim),
  /** Space-separated, such as `admin`. */
  scope: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "DevTokenRequest" })
export type DevTokenRequest = typeof DevTokenRequest.Type

export const DevToken = Schema.Struct({
  token: Schema.String,
  user_id: UserId,
  device_id: DeviceId,
  expires_at: Timestamp
}).annotate({ identifier: "DevToken" })
export type DevToken = typeof DevToken.Type

/** A JSON Web Key Set (RFC 7517) of public keys. */
export interface Jwks {
  readonly keys: ReadonlyArray<Readonly<Record<string, unknown>>>
}

export class DevIssuer extends Context.Service<
  DevIssuer,
  {
    /** A token of one hour. */
    readonly issue: (request: DevTokenRequest) => Effect.Effect<DevToken, Unavailable>
    readonly jwks: Jwks
  }
>()("messaging-service/domain/ports/DevIssuer") {}
