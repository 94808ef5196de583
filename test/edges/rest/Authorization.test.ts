import { createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { IpNetwork } from "effect/net"
import { base64url, exportSPKI } from "jose"
import { Unavailable } from "../../../src/domain/Errors.ts"
import { TokenVerifier } from "../../../src/domain/ports/TokenVerifier.ts"
import { fromJwks } from "../../../src/layers/jwt/JwtKeys.ts"
import { make } from "../../../src/layers/jwt/JwtVerifier.ts"
import { makeIssuer } from "../../layers/jwt/JwtIssuer.ts"
import { noRevocations } from "../../support/NoRevocations.ts"
import { serve, start, uuidOf } from "./RestServer.ts"

const issuer = await makeIssuer("ES256")
const intruder = await makeIssuer("ES256", issuer.kid)

const now = Math.floor(Date.now() / 1000)
const claims = {
  sub: uuidOf("alice"),
  device_id: "phone",
  jti: "token-1",
  iss: "auth-service",
  aud: "messaging-service",
  iat: now,
  exp: now + 600
}

const verifier = Layer.succeed(TokenVerifier, make(fromJwks(issuer.jwks), noRevocations))

/** Whom the service behind the edge believes to be called by. */
const serveWhoAmI = serve({
  verifier,
  conversations: {
    list: (caller) =>
      Effect.succeed({
        items: [],
        nextCursor: `${caller.userId} ${caller.deviceId}`
      })
  }
})

const PATH = "/api/v1/conversations"
const part = (value: unknown) => base64url.encode(JSON.stringify(value))

const hmacWithPublicKey = async () => {
  const body = `${part({ alg: "HS256", kid: issuer.kid })}.${part(claims)}`
  const mac = createHmac("sha256", await exportSPKI(issuer.publicKey)).update(body)
  return `${body}.${mac.digest("base64url")}`
}

const refused: ReadonlyArray<readonly [string, string, () => Promise<string>]> = [
  ["no JWT at all", "token_malformed", async () => "nonsense"],
  ["a token of 9 kB", "token_malformed", () => issuer.sign({ ...claims, padding: "x".repeat(9000) })],
  ["an expired token", "token_expired", () => issuer.sign({ ...claims, exp: now - 61 })],
  [
    "a token issued more than an hour ago",
    "token_expired",
    () => issuer.sign({ ...claims, iat: now - 3700 })
  ],
  ["a token issued in the future", "token_claims", () => issuer.sign({ ...claims, iat: now + 120 })],
  ["a token not valid yet", "token_claims", () => issuer.sign({ ...claims, nbf: now + 120 })],
  ["another issuer's claim", "token_claims", () => issuer.sign({ ...claims, iss: "someone" })],
  ["another audience's token", "token_claims", () => issuer.sign({ ...claims, aud: "media-service" })],
  ["a token without a device", "token_claims", () => issuer.sign({ ...claims, device_id: undefined })],
  ["a token without a subject", "token_claims", () => issuer.sign({ ...claims, sub: undefined })],
  ["the algorithm none", "token_signature", async () => `${part({ alg: "none" })}.${part(claims)}.`],
  ["HMAC with the public key", "token_signature", hmacWithPublicKey],
  ["a forged signature", "token_signature", () => intruder.sign(claims)],
  ["an unknown key", "token_unknown_key", () => issuer.sign(claims, { kid: "unknown" })]
]

describe("Authorization", () => {
  it.live("passes the verified identity on, whatever the request says of itself", () =>
    Effect.gen(function* () {
      const call = yield* serveWhoAmI
      const token = yield* Effect.promise(() => issuer.sign(claims))
      const answer = yield* call(`${PATH}?user_id=${uuidOf("bob")}`, {
        as: token,
        headers: { "x-user-id": uuidOf("bob") }
      })
      assert.strictEqual(answer.status, 200)
      assert.deepInclude(answer.json, { next_cursor: `${uuidOf("alice")} phone` })
    })
  )

  for (const [what, reason, token] of refused) {
    it.live(`refuses ${what} as ${reason}`, () =>
      Effect.gen(function* () {
        const call = yield* serveWhoAmI
        const answer = yield* call(PATH, { as: yield* Effect.promise(token) })
        assert.strictEqual(answer.status, 401)
        assert.strictEqual(answer.headers["content-type"], "application/problem+json")
        assert.deepInclude(answer.json, { reason, status: 401 })
        assert.include(answer.headers["www-authenticate"]!, 'error="invalid_token"')
      })
    )
  }

  it.live("takes a bearer token and nothing else", () =>
    Effect.gen(function* () {
      const call = yield* serveWhoAmI
      const token = yield* Effect.promise(() => issuer.sign(claims))
      const attempts: ReadonlyArray<Readonly<Record<string, string>>> = [
        {},
        { authorization: token },
        { authorization: "Bearer" },
        { authorization: "Bearer " },
        { authorization: `Basic ${token}` },
        { authorization: `Token ${token}` },
        { cookie: `token=${token}` }
      ]
      for (const headers of attempts) {
        const answer = yield* call(`${PATH}?token=${token}&access_token=${token}`, { headers })
        assert.strictEqual(answer.status, 401, JSON.stringify(headers))
        assert.deepInclude(answer.json, { reason: "token_missing" })
        assert.strictEqual(answer.headers["www-authenticate"], "Bearer")
      }
      assert.strictEqual((yield* call(PATH, { headers: { authorization: `bearer ${token}` } })).status, 200)
    })
  )

  it.live("comes before everything else: a stranger learns nothing of inputs and ids", () =>
    Effect.gen(function* () {
      const call = yield* serve({ verifier })
      for (const [path, body] of [
        [PATH, "{"],
        [PATH, { type: "nonsense" }],
        [`${PATH}/no-uuid`, undefined],
        [`${PATH}?limit=many`, undefined]
      ] as const) {
        assert.deepInclude((yield* call(path, { body })).json, { reason: "token_missing" })
      }
    })
  )

  it.live("answers 503 when the keys cannot be had", () =>
    Effect.gen(function* () {
      const down = Layer.succeed(TokenVerifier, {
        verify: () => Effect.fail(new Unavailable({ what: "token keys" }))
      })
      const call = yield* serve({ verifier: down })
      const answer = yield* call(PATH, { as: "anything" })
      assert.strictEqual(answer.status, 503)
      assert.deepInclude(answer.json, { reason: "unavailable" })
      assert.strictEqual(answer.headers["retry-after"], "1")
    })
  )

  it.live("has refused tokens on record, with the address, and nothing of the token", () =>
    Effect.gen(function* () {
      const trustedProxies = [IpNetwork.fromStringUnsafe("127.0.0.0/8")]
      const { audit, call } = yield* start({ verifier, trustedProxies })
      const forged = yield* Effect.promise(() => intruder.sign(claims))
      const headers = { "x-forwarded-for": "192.0.2.1, 198.51.100.7" }
      yield* call(PATH, { as: forged, headers })
      yield* call(PATH)
      const entries = yield* audit.read({ limit: 10 })
      assert.strictEqual(entries.length, 1, "no token at all is no event")
      assert.deepInclude(entries[0], {
        action: "token.refused",
        outcome: "refused",
        address: "198.51.100.7",
        details: { reason: "signature" }
      })
      assert.notInclude(JSON.stringify(entries), forged.slice(0, 20))
    })
  )
})
