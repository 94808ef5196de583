/**
 * Issues tokens to whoever asks, so that a newcomer can chat without an auth service. Exists in dev and test
 * only: where nothing provides this port, `POST /dev/token` and its JWKS do not exist.
 */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { Unavailable } from "../Errors.ts"
import { TrustLevel } from "../Identity.ts"
import { DeviceId, UserId } from "../Ids.ts"
import { Timestamp } from "../Message.ts"
import { TokenId } from "../Revocation.ts"

/** Seconds a dev token may live, and does unless asked otherwise. */
export const MAX_LIFETIME = 3_600

/** Whom the token is for. An id that is left out is made up. */
export const DevTokenRequest = Schema.Struct({
  user_id: Schema.optionalKey(UserId),
  device_id: Schema.optionalKey(DeviceId),
  trust_level: Schema.optionalKey(TrustLevel),
  /** Space-separated, such as `admin`. */
  scope: Schema.optionalKey(Schema.String),
  /** Seconds. */
  expires_in: Schema.optionalKey(
    Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: MAX_LIFETIME })))
  ),
  jti: Schema.optionalKey(TokenId),
  /** A token that is good once. */
  single_use: Schema.optionalKey(Schema.Boolean)
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
    /** A token of one hour, or of less if asked. */
    readonly issue: (request: DevTokenRequest) => Effect.Effect<DevToken, Unavailable>
    readonly jwks: Jwks
  }
>()("messaging-service/domain/ports/DevIssuer") {}
