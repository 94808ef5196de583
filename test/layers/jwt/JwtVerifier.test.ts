import { createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { base64url, exportSPKI, generateKeyPair, type JWTHeaderParameters, SignJWT } from "jose"
import type { Identity } from "../../../src/domain/Identity.ts"
import { fromJwks, type JwtKeys } from "../../../src/layers/jwt/JwtKeys.ts"
import { type JwtOptions, make } from "../../../src/layers/jwt/JwtVerifier.ts"
import { noRevocations } from "../../support/NoRevocations.ts"
import { type Issuer, makeIssuer } from "./JwtIssuer.ts"

const NOW = Date.parse("2026-01-01T00:00:00Z")
const at = NOW / 1000
const issuer = await makeIssuer("ES256")

const claims = {
  sub: "0198a3a0-0000-7000-8000-000000000001",
  device_id: "phone-1",
  jti: "token-1",
  iss: "auth-service",
  aud: "messaging-service",
  iat: at,
  exp: at + 3600
}

const sign = (payload: Record<string, unknown>, header?: Partial<JWTHeaderParameters>, by: Issuer = issuer) =>
  Effect.promise(() => by.sign(payload, header))

/** A verifier at a fixed moment, which also counts how often it had to look for a key. */
const setUp = Effect.fnUntraced(function* (options?: JwtOptions, keys: JwtKeys = fromJwks(issuer.jwks)) {
  yield* TestClock.setTime(NOW)
  const lookups = { count: 0 }
  const verifier = make(
    {
      find: (header) => {
        lookups.count++
        return keys.find(header)
      }
    },
    noRevocations,
    options
  )
  return { lookups, verify: (token: string) => verifier.verify(Redacted.make(token)) }
})

/** What becomes of one token: its identity, or the reason it is refused for. */
const outcome = Effect.fnUntraced(function* (token: string, options?: JwtOptions, keys?: JwtKeys) {
  const { verify } = yield* setUp(options, keys)
  return yield* verify(token).pipe(
    Effect.match({
      onSuccess: (identity): Identity | string => identity,
      onFailure: (error) => (error._tag === "TokenRejected" ? error.reason : error._tag)
    })
  )
})

const outcomeOf = (payload: Record<string, unknown>, options?: JwtOptions) =>
  Effect.flatMap(sign(payload), (token) => outcome(token, options))

const without = (claim: keyof typeof claims) => {
  const { [claim]: _, ...rest } = claims
  return rest
}

describe("JwtVerifier: what is believed", () => {
  it.effect("makes an identity of the claims, from nothing else", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* outcomeOf({ ...claims, scope: "admin service" }), {
        userId: claims.sub,
        deviceId: "phone-1",
        tokenId: "token-1",
        trust: "normal",
        scopes: ["admin", "service"],
        issuedAt: NOW,
        expiresAt: NOW + 3_600_000
      } as never)
    })
  )

  it.effect("normalises an upper-case user id", () =>
    Effect.gen(function* () {
      const identity = yield* outcomeOf({ ...claims, sub: claims.sub.toUpperCase() })
      assert.strictEqual((identity as Identity).userId, claims.sub)
    })
  )

  it.effect("reads the trust level from its claim, else from the booleans, the most trusting first", () =>
    Effect.gen(function* () {
      const trust = (extra: object) =>
        Effect.map(outcomeOf({ ...claims, ...extra }), (identity) => (identity as Identity).trust)
      assert.strictEqual(yield* trust({ trust_level: "suspect", premium: true }), "suspect")
      assert.strictEqual(yield* trust({ premium: true, verified: true, new_account: true }), "premium")
      assert.strictEqual(yield* trust({ verified: true, new_account: true }), "verified")
      assert.strictEqual(yield* trust({ new_account: true }), "suspect")
      assert.strictEqual(yield* trust({ verified: false }), "normal")
    })
  )

  for (const algorithm of ["EdDSA", "ES256", "ES384", "RS256", "PS256"]) {
    it.effect(`accepts ${algorithm}`, () =>
      Effect.gen(function* () {
        const by = yield* Effect.promise(() => makeIssuer(algorithm))
        const token = yield* sign(claims, {}, by)
        assert.isObject(yield* outcome(token, {}, fromJwks(by.jwks)))
      })
    )
  }

  it.effect("accepts one audience among several", () =>
    Effect.gen(function* () {
      assert.isObject(yield* outcomeOf({ ...claims, aud: ["other", "messaging-service"] }))
    })
  )

  it.effect("forgives the issuer's clock up to the skew, both ways, and no further", () =>
    Effect.gen(function* () {
      assert.isObject(yield* outcomeOf({ ...claims, iat: at - 100, exp: at - 59 }))
      assert.strictEqual(yield* outcomeOf({ ...claims, iat: at - 100, exp: at - 60 }), "expired")
      assert.isObject(yield* outcomeOf({ ...claims, iat: at + 60 }))
      assert.strictEqual(yield* outcomeOf({ ...claims, iat: at + 61 }), "claims")
      assert.isObject(yield* outcomeOf({ ...claims, nbf: at + 60 }))
      assert.strictEqual(yield* outcomeOf({ ...claims, nbf: at + 61 }), "claims")
    })
  )

  it.effect("refuses a token issued too long ago, however far its expiry", () =>
    Effect.gen(function* () {
      assert.isObject(yield* outcomeOf({ ...claims, iat: at - 3660, exp: at + 9999 }))
      assert.strictEqual(yield* outcomeOf({ ...claims, iat: at - 3661, exp: at + 9999 }), "expired")
    })
  )
})

describe("JwtVerifier: what is refused, and why", () => {
  for (const claim of ["sub", "device_id", "jti", "iss", "aud", "iat", "exp"] as const) {
    it.effect(`refuses a token without ${claim}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* outcomeOf(without(claim)), "claims")
      })
    )
  }

  it.effect("insists on nbf only where that is asked for", () =>
    Effect.gen(function* () {
      assert.isObject(yield* outcomeOf(claims))
      assert.strictEqual(yield* outcomeOf(claims, { requireNotBefore: true }), "claims")
    })
  )

  const wrong: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
    ["another issuer", { iss: "someone" }],
    ["another audience", { aud: "media-service" }],
    ["a user id that is no UUID", { sub: "admin" }],
    ["a user id that is no string", { sub: 7 }],
    ["an empty device id", { device_id: "" }],
    ["a device id of 65 characters", { device_id: "d".repeat(65) }],
    ["a device id with a line break", { device_id: "a\nb" }],
    ["an empty jti", { jti: "" }],
    ["an unknown trust level", { trust_level: "god" }],
    ["an exp that is text", { exp: "tomorrow" }],
    ["an exp beyond the end of time", { exp: 1e300 }]
  ]
  for (const [what, change] of wrong) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* outcomeOf({ ...claims, ...change }), "claims")
      })
    )
  }

  it.effect("tells a missing token from a malformed one", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* outcome(""), "missing")
      for (const token of ["x", "a.b", "a.b.c", "...", "e30.e30.", `${base64url.encode("[]")}.e30.x`]) {
        assert.include(["malformed", "signature"], yield* outcome(token), token)
      }
    })
  )

  it.effect("refuses an oversized token before it looks at it", () =>
    Effect.gen(function* () {
      const { lookups, verify } = yield* setUp()
      const token = yield* sign({ ...claims, padding: "x".repeat(8192) })
      assert.deepInclude(yield* Effect.flip(verify(token)), { reason: "malformed" })
      assert.strictEqual(lookups.count, 0)
    })
  )
})

describe("JwtVerifier: attacks", () => {
  const part = (value: unknown) => base64url.encode(JSON.stringify(value))

  it.effect("refuses the algorithm none, in any spelling", () =>
    Effect.gen(function* () {
      for (const alg of ["none", "None", "NONE", ""]) {
        const token = `${part({ alg, typ: "JWT" })}.${part(claims)}.`
        assert.include(["signature", "malformed"], yield* outcome(token), alg)
      }
    })
  )

  it.effect("refuses HMAC keyed with the public key", () =>
    Effect.gen(function* () {
      const secret = yield* Effect.promise(() => exportSPKI(issuer.publicKey))
      const body = `${part({ alg: "HS256", kid: issuer.kid })}.${part(claims)}`
      const token = `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`
      assert.strictEqual(yield* outcome(token), "signature")
    })
  )

  it.effect("refuses a key that the token brings along", () =>
    Effect.gen(function* () {
      const intruder = yield* Effect.promise(() => makeIssuer("ES256"))
      const jwk = intruder.jwks.keys[0]!
      assert.strictEqual(yield* outcome(yield* sign(claims, { jwk, kid: issuer.kid }, intruder)), "signature")
      assert.strictEqual(yield* outcome(yield* sign(claims, { jwk }, intruder)), "unknown_key")
    })
  )

  it.effect("refuses an unknown key id", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* outcome(yield* sign(claims, { kid: "../../etc/passwd" })), "unknown_key")
    })
  )

  it.effect("refuses an algorithm that is sound but not on the list", () =>
    Effect.gen(function* () {
      const { privateKey } = yield* Effect.promise(() => generateKeyPair("RS512"))
      const token = yield* Effect.promise(() =>
        new SignJWT(claims).setProtectedHeader({ alg: "RS512", kid: issuer.kid }).sign(privateKey)
      )
      assert.strictEqual(yield* outcome(token), "signature")
    })
  )

  it.effect("refuses a token of which any character of payload or signature changed", () =>
    Effect.gen(function* () {
      const token = yield* sign(claims)
      const [header, payload, signature] = token.split(".") as [string, string, string]
      const forged = `${header}.${part({ ...claims, sub: "0198a3a0-0000-7000-8000-000000000002" })}.${signature}`
      assert.strictEqual(yield* outcome(forged), "signature")
      const flipped = signature[5] === "A" ? "B" : "A"
      assert.strictEqual(
        yield* outcome(`${header}.${payload}.${signature.slice(0, 5)}${flipped}${signature.slice(6)}`),
        "signature"
      )
      assert.strictEqual(yield* outcome(`${header}.${payload}.`), "signature")
    })
  )

  it.effect("refuses critical header extensions it does not understand", () =>
    Effect.gen(function* () {
      const body = `${part({ alg: "ES256", kid: issuer.kid, crit: ["exp"], exp: 1 })}.${part(claims)}`
      assert.strictEqual(yield* outcome(`${body}.${"A".repeat(86)}`), "signature")
    })
  )
})

describe("JwtVerifier: the cache", () => {
  it.effect("checks a token once, then believes it for five minutes", () =>
    Effect.gen(function* () {
      const { lookups, verify } = yield* setUp()
      const token = yield* sign(claims)
      const first = yield* verify(token)
      assert.strictEqual(yield* verify(token), first)
      yield* TestClock.adjust("299 seconds")
      yield* verify(token)
      assert.strictEqual(lookups.count, 1)
      yield* TestClock.adjust("1 second")
      yield* verify(token)
      assert.strictEqual(lookups.count, 2)
    })
  )

  it.effect("answers a hit in the same turn", () =>
    Effect.gen(function* () {
      const { verify } = yield* setUp()
      const token = yield* sign(claims)
      yield* verify(token)
      const services = yield* Effect.context<never>()
      assert.isTrue(Result.isSuccess(Effect.runSyncWith(services)(Effect.result(verify(token)))))
    })
  )

  it.effect("never believes a token past its expiry without checking it", () =>
    Effect.gen(function* () {
      const { lookups, verify } = yield* setUp()
      const token = yield* sign({ ...claims, exp: at + 10 })
      yield* verify(token)
      yield* TestClock.adjust("10 seconds")
      yield* verify(token)
      assert.strictEqual(lookups.count, 2)
      yield* TestClock.adjust("60 seconds")
      assert.deepInclude(yield* Effect.flip(verify(token)), { reason: "expired" })
    })
  )

  it.effect("never believes a token past its greatest age without checking it", () =>
    Effect.gen(function* () {
      const { verify } = yield* setUp({ clockSkew: Duration.zero })
      const token = yield* sign({ ...claims, iat: at - 3590, exp: at + 9999 })
      yield* verify(token)
      yield* TestClock.adjust("11 seconds")
      assert.deepInclude(yield* Effect.flip(verify(token)), { reason: "expired" })
    })
  )

  it.effect("remembers no more tokens than it may, and forgets the oldest", () =>
    Effect.gen(function* () {
      const { lookups, verify } = yield* setUp({ cacheCapacity: 2 })
      const tokens = yield* Effect.forEach(["a", "b", "c"], (jti) => sign({ ...claims, jti }))
      yield* Effect.forEach(tokens, verify)
      assert.strictEqual(lookups.count, 3)
      yield* Effect.forEach(tokens.slice(1), verify)
      assert.strictEqual(lookups.count, 3)
      yield* verify(tokens[0]!)
      assert.strictEqual(lookups.count, 4)
    })
  )

  it.effect("remembers no refusal", () =>
    Effect.gen(function* () {
      const { lookups, verify } = yield* setUp()
      const token = yield* sign({ ...claims, nbf: at + 100 })
      yield* Effect.flip(verify(token))
      yield* TestClock.adjust("40 seconds")
      yield* verify(token)
      assert.strictEqual(lookups.count, 2)
    })
  )
})
