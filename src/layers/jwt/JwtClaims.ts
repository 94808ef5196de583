/**
 * What a token's claims must be, once its signature and its times are known to be good, and the Identity they
 * make. Pure.
 */
import { Result, Schema } from "effect"
import { type Identity, TrustLevel } from "../../domain/Identity.ts"
import { DeviceId, UserId } from "../../domain/Ids.ts"
import { TokenId } from "../../domain/Revocation.ts"

/** Seconds since 1970, fractions allowed (RFC 7519 NumericDate), within what a Date can hold. */
const NumericDate = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 8.64e12 })))

const Claims = Schema.Struct({
  sub: UserId,
  device_id: DeviceId,
  jti: TokenId,
  iat: NumericDate,
  exp: NumericDate,
  trust_level: Schema.optionalKey(TrustLevel),
  premium: Schema.optionalKey(Schema.Boolean),
  verified: Schema.optionalKey(Schema.Boolean),
  new_account: Schema.optionalKey(Schema.Boolean),
  scope: Schema.optionalKey(Schema.String),
  single_use: Schema.optionalKey(Schema.Boolean)
})

const decode = Schema.decodeUnknownResult(Claims)

/** `trust_level` when the issuer states it, else what its booleans add up to, the most trusting one first. */
const trustOf = (claims: typeof Claims.Type): TrustLevel => {
  if (claims.trust_level !== undefined) return claims.trust_level
  if (claims.premium === true) return "premium"
  if (claims.verified === true) return "verified"
  return claims.new_account === true ? "suspect" : "normal"
}

export interface Claimed {
  readonly identity: Identity
  /** Whether the token is good once only. */
  readonly isSingleUse: boolean
}

/** Whom verified claims describe, or why they describe nobody. `maxAge` in ms. */
export const toIdentity = (claims: unknown, maxAge: number): Result.Result<Claimed, Schema.SchemaError> =>
  Result.map(decode(claims), (known) => ({
    identity: {
      userId: known.sub,
      deviceId: known.device_id,
      tokenId: known.jti,
      trust: trustOf(known),
      scopes: known.scope?.split(" ").filter((scope) => scope !== "") ?? [],
      issuedAt: Math.trunc(known.iat * 1000),
      expiresAt: Math.trunc(Math.min(known.exp * 1000, known.iat * 1000 + maxAge))
    },
    isSingleUse: known.single_use === true
  }))
