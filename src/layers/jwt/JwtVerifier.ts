/**
 * The TokenVerifier over JSON Web Tokens: which signatures, times and claims are believed, and a bounded cache of
 * what was believed before. Where the keys come from is `JwtKeys`; what the claims mean is `JwtClaims`; whether a
 * token was revoked, or used, `TokenRevocations` is asked every time: the cache spares the signature, not that.
 */
import { hash } from "node:crypto"
import { Clock, Duration, Effect, Layer, Redacted, Result } from "effect"
import { decodeProtectedHeader, errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose"
import * as CacheMetrics from "../../domain/CacheMetrics.ts"
import { type Overloaded, type TokenFault, TokenRejected, type Unavailable } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import { DevIssuer } from "../../domain/ports/DevIssuer.ts"
import { TokenRevocations } from "../../domain/ports/TokenRevocations.ts"
import { TokenVerifier } from "../../domain/ports/TokenVerifier.ts"
import { toIdentity } from "./JwtClaims.ts"
import {
  fromFile,
  fromJwks,
  fromUrl,
  type JwksFileUnusable,
  type JwtKeys,
  type RemoteKeysOptions
} from "./JwtKeys.ts"

/** Asymmetric signatures only: a service that merely verifies holds no secret, and so cannot leak one. */
export const ALGORITHMS: ReadonlyArray<string> = ["EdDSA", "ES256", "ES384", "RS256", "PS256"]

export const DEFAULT_MAX_AGE: Duration.Input = "1 hour"
export const DEFAULT_CLOCK_SKEW: Duration.Input = "60 seconds"

export interface JwtOptions {
  /** The `iss` a token must carry. Default `auth-service`. */
  readonly issuer?: string | undefined
  /** The `aud` a token must carry, alone or among others. Default `messaging-service`. */
  readonly audience?: string | undefined
  /** A token whose `iat` is older is refused, whatever its `exp`. Default 1 hour. */
  readonly maxAge?: Duration.Input | undefined
  /** How far the issuer's clock may be from ours. Default 60 seconds. */
  readonly clockSkew?: Duration.Input | undefined
  /** Whether a token without `nbf` is refused; one that is present is always checked. Default false. */
  readonly requireNotBefore?: boolean | undefined
  /** Longer tokens are refused unread. Default 8192 characters. */
  readonly maxTokenLength?: number | undefined
  /** Verified tokens remembered at the most; the oldest are forgotten first. Default 10,000; 0 for none. */
  readonly cacheCapacity?: number | undefined
  /** For how long a token stays believed unchecked; never past its `exp` or `maxAge`. Default 5 minutes. */
  readonly cacheTtl?: Duration.Input | undefined
}

interface Verified {
  readonly identity: Identity
  /** Unix ms. */
  readonly until: number
}

const reject = (reason: TokenFault) => new TokenRejected({ reason })

/** What jose threw, in our words. Its messages quote the token's content, so they stay here. */
const faultOf = (error: unknown): TokenFault => {
  if (error instanceof errors.JWTExpired) return "expired"
  if (error instanceof errors.JWTClaimValidationFailed) return "claims"
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return "malformed"
  return "signature"
}

const headerOf = (token: string): Result.Result<JWTHeaderParameters, TokenRejected> =>
  Result.try({
    try: () => decodeProtectedHeader(token) as JWTHeaderParameters,
    catch: () => reject("malformed")
  })

type Refused = TokenRejected | Overloaded | Unavailable

/** A TokenVerifier over these keys. */
export const make = (
  keys: JwtKeys,
  revocations: TokenRevocations["Service"],
  options?: JwtOptions,
  counts: CacheMetrics.CacheCounts = { hits: 0, misses: 0 }
): TokenVerifier["Service"] => {
  const maxLength = options?.maxTokenLength ?? 8192
  const capacity = options?.cacheCapacity ?? 10_000
  const ttl = Duration.toMillis(options?.cacheTtl ?? "5 minutes")
  const checks = {
    algorithms: [...ALGORITHMS],
    issuer: options?.issuer ?? "auth-service",
    audience: options?.audience ?? "messaging-service",
    maxTokenAge: Duration.toSeconds(options?.maxAge ?? DEFAULT_MAX_AGE),
    clockTolerance: Duration.toSeconds(options?.clockSkew ?? DEFAULT_CLOCK_SKEW),
    requiredClaims: ["exp", ...(options?.requireNotBefore === true ? ["nbf"] : [])]
  }
  /** By digest, so that a heap dump holds no usable token. */
  const cache = new Map<string, Verified>()

  const remember = (digest: string, identity: Identity, now: number) => {
    const until = Math.min(now + ttl, identity.expiresAt)
    if (until <= now || capacity === 0) return
    if (cache.size >= capacity) cache.delete(cache.keys().next().value!)
    cache.set(digest, { identity, until })
  }

  const check = Effect.fnUntraced(function* (
    token: string,
    digest: string,
    now: number
  ): Effect.fn.Return<Identity, Refused> {
    const header = yield* Effect.fromResult(headerOf(token))
    // Before any key is looked for: `none`, and HMAC keyed with a public key, must not get that far.
    if (!ALGORITHMS.includes(header.alg)) return yield* reject("signature")
    const key = yield* keys.find(header)
    const payload: JWTPayload = yield* Effect.tryPromise({
      try: () =>
        jwtVerify(token, key, { ...checks, currentDate: new Date(now) }).then((result) => result.payload),
      catch: (error) => reject(faultOf(error))
    })
    const claimed = Result.mapError(toIdentity(payload, checks.maxTokenAge * 1000), () => reject("claims"))
    const { identity, isSingleUse } = yield* Effect.fromResult(claimed)
    yield* revocations.check(identity)
    if (isSingleUse) yield* revocations.claim(identity)
    else remember(digest, identity, now)
    return identity
  })

  const again = (digest: string, identity: Identity): Effect.Effect<Identity, Refused> =>
    Effect.as(
      Effect.tapError(revocations.check(identity), (error) =>
        Effect.sync(() => error._tag === "TokenRejected" && cache.delete(digest))
      ),
      identity
    )

  return {
    // Synchronous up to the first miss: a token that is presented again costs one hash.
    verify: (redacted) =>
      Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<Identity, Refused> => {
        const token = Redacted.value(redacted)
        if (token === "") return Effect.fail(reject("missing"))
        if (token.length > maxLength) return Effect.fail(reject("malformed"))
        const digest = hash("sha256", token, "base64")
        const known = cache.get(digest)
        if (known !== undefined) {
          if (now < known.until) {
            counts.hits++
            return again(digest, known.identity)
          }
          cache.delete(digest)
        }
        counts.misses++
        return check(token, digest, now)
      })
  }
}

const makeOver = (keys: JwtKeys, options?: JwtOptions) =>
  Effect.gen(function* () {
    return make(keys, yield* TokenRevocations, options, yield* CacheMetrics.make("tokens"))
  })

/** Against the issuer's keys at a URL. They are fetched at the first token, so the issuer may start after us. */
export const layerUrl = (
  url: URL,
  options?: JwtOptions & RemoteKeysOptions
): Layer.Layer<TokenVerifier, never, TokenRevocations> =>
  Layer.effect(
    TokenVerifier,
    Effect.suspend(() => makeOver(fromUrl(url, options), options))
  )

/** Against the issuer's keys in a file, which must be usable at the start. */
export const layerFile = (
  path: string,
  options?: JwtOptions
): Layer.Layer<TokenVerifier, JwksFileUnusable, TokenRevocations> =>
  Layer.effect(
    TokenVerifier,
    Effect.flatMap(fromFile(path), (keys) => makeOver(keys, options))
  )

/** Against the dev issuer of this process. */
export const layerDev = (
  options?: JwtOptions
): Layer.Layer<TokenVerifier, never, DevIssuer | TokenRevocations> =>
  Layer.effect(
    TokenVerifier,
    Effect.flatMap(DevIssuer, (issuer) =>
      makeOver(fromJwks({ keys: issuer.jwks.keys.map((key) => ({ ...key })) }), options)
    )
  )
