/**
 * Forged, broken and abused tokens against the running service, over every way a token can come. Each is refused, for one
 * reason, the same on all ways; and what is accepted is accepted as what it is.
 */
import { createHmac } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { base64url, CompactSign, exportJWK, exportSPKI, generateKeyPair, type JWK } from "jose"
import * as RawRpc from "../edges/rpc/RawRpc.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as GrpcClient from "../support/GrpcClient.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import { type App, poll, socket } from "./Nodes.ts"

const USER = "0198a3a0-0000-7000-8000-000000000001"
const OTHER = "0198a3a0-0000-7000-8000-000000000002"

/** The order of P-256: `(r, n - s)` verifies whenever `(r, s)` does. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

interface Pair {
  readonly alg: string
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly jwk: JWK
}

const pair = async (alg: string, kid: string): Promise<Pair> => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } }
}

const [es256, rs256, ed, intruder, curve384] = await Promise.all([
  pair("ES256", "es"),
  pair("RS256", "rs"),
  pair("EdDSA", "ed"),
  pair("ES256", "es"),
  pair("ES384", "es")
])

const now = () => Math.floor(Date.now() / 1000)

const claims = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  sub: USER,
  device_id: "phone",
  jti: crypto.randomUUID(),
  iss: "auth-service",
  aud: "messaging-service",
  iat: now(),
  exp: now() + 600,
  ...changes
})

const encode = (value: unknown): string => base64url.encode(JSON.stringify(value))

/** Signs any payload, text included, under any header. */
const sign = (
  payload: unknown,
  header: Readonly<Record<string, unknown>> = {},
  { alg, kid, privateKey }: Pair = es256
): Promise<string> =>
  new CompactSign(new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload)))
    .setProtectedHeader({ alg, kid, ...header })
    .sign(privateKey)

/** Signs what `jose` would not: a header of our own over a real signature. */
const signRaw = async (header: unknown, payload: unknown, { privateKey }: Pair = es256): Promise<string> => {
  const text = `${encode(header)}.${encode(payload)}`
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    privateKey,
    new TextEncoder().encode(text)
  )
  return `${text}.${base64url.encode(new Uint8Array(signature))}`
}

const withSignature = (token: string, change: (signature: Uint8Array) => Uint8Array): string => {
  const [header, payload, signature] = token.split(".") as [string, string, string]
  return `${header}.${payload}.${base64url.encode(change(base64url.decode(signature)))}`
}

const hmac = (secret: string) => {
  const text = `${encode({ alg: "HS256", kid: "rs" })}.${encode(claims())}`
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`
}

/** `(r, n - s)` for `(r, s)`. */
const mirrored = (signature: Uint8Array): Uint8Array => {
  const s = BigInt(`0x${Buffer.from(signature.slice(32)).toString("hex")}`)
  const other = Buffer.from((N - s).toString(16).padStart(64, "0"), "hex")
  return Buffer.concat([signature.slice(0, 32), other])
}

/** The same bytes in another spelling: 64 bytes leave four bits of the last character unused. */
const respelled = (token: string): string => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  const last = alphabet.indexOf(token.at(-1)!)
  return token.slice(0, -1) + alphabet[last ^ 1]
}

const text = (payload: Record<string, unknown>, extra: string): string =>
  `${JSON.stringify(payload).slice(0, -1)},${extra}}`

type Attack = readonly [name: string, token: () => Promise<string> | string, reason: string]

const attacks: ReadonlyArray<Attack> = [
  ...["none", "None", "NONE", "nOnE"].map(
    (alg): Attack => [`alg ${alg}`, () => `${encode({ alg })}.${encode(claims())}.`, "signature"]
  ),
  [
    "alg none with a signature",
    async () => {
      const [, , signature] = (await sign(claims())).split(".")
      return `${encode({ alg: "none" })}.${encode(claims())}.${signature}`
    },
    "signature"
  ],
  ["no alg", () => `${encode({ kid: "es" })}.${encode(claims())}.AAAA`, "signature"],
  ["HMAC keyed with the RSA key as PEM", async () => hmac(await exportSPKI(rs256.publicKey)), "signature"],
  ["HMAC keyed with the RSA key as JWK", () => hmac(JSON.stringify(rs256.jwk)), "signature"],
  ["HMAC keyed with nothing", () => hmac(""), "signature"],
  ...["../../../../dev/null", "' OR '1'='1", "es\u0000", "", "https://attacker.example/key"].map(
    (kid): Attack => [`kid ${JSON.stringify(kid)}`, () => sign(claims(), { kid }), "unknown_key"]
  ),
  ["a key of its own (jwk)", () => sign(claims(), { jwk: intruder.jwk }, intruder), "signature"],
  [
    "a key of its own (jwk) and no kid of ours",
    () => sign(claims(), { jwk: intruder.jwk, kid: "x" }, intruder),
    "unknown_key"
  ],
  ["another issuer's key under our kid", () => sign(claims(), {}, intruder), "signature"],
  [
    "crit with an extension nobody knows",
    () => signRaw({ alg: "ES256", kid: "es", crit: ["x"], x: 1 }, claims()),
    "signature"
  ],
  ["crit with exp", () => signRaw({ alg: "ES256", kid: "es", crit: ["exp"], exp: 1 }, claims()), "signature"],
  ["crit that is no list", () => signRaw({ alg: "ES256", kid: "es", crit: "exp" }, claims()), "malformed"],
  ["another curve under our kid", () => sign(claims(), {}, curve384), "unknown_key"],
  ["an RSA key's kid for ECDSA", () => sign(claims(), { kid: "rs" }), "unknown_key"],
  ["no signature", async () => withSignature(await sign(claims()), () => new Uint8Array()), "signature"],
  [
    "a signature of zeros",
    async () => withSignature(await sign(claims()), () => new Uint8Array(64)),
    "signature"
  ],
  [
    "a signature cut short",
    async () => withSignature(await sign(claims()), (s) => s.slice(0, 63)),
    "signature"
  ],
  [
    "a signature with more behind it",
    async () => withSignature(await sign(claims()), (s) => Buffer.concat([s, s])),
    "signature"
  ],
  [
    "a flipped bit",
    async () => withSignature(await sign(claims()), (s) => s.with(7, s[7]! ^ 1)),
    "signature"
  ],
  [
    "another's claims under a good signature",
    async () => {
      const [header, , signature] = (await sign(claims())).split(".")
      return `${header}.${encode(claims({ sub: OTHER }))}.${signature}`
    },
    "signature"
  ],
  ["nine thousand characters", () => sign(claims({ padding: "x".repeat(7_000) })), "malformed"],
  ["five parts, as if encrypted", async () => `${await sign(claims())}.e30.e30`, "malformed"],
  ["JSON instead of three parts", () => JSON.stringify({ payload: encode(claims()) }), "malformed"],
  ["a payload that is no object", () => sign("[]"), "malformed"],
  ["a payload that is no JSON", () => sign("sub=admin"), "malformed"],
  ["exp beyond the end of time", () => sign(claims({ exp: 1e300 })), "claims"],
  ["exp beyond all numbers", () => sign(text(claims(), '"exp":1e999')), "claims"],
  ["exp as text", () => sign(claims({ exp: String(now() + 600) })), "claims"],
  ["a negative iat", () => sign(claims({ iat: -1 })), "expired"],
  ["iat in two minutes", () => sign(claims({ iat: now() + 120 })), "claims"],
  ["nbf in two minutes", () => sign(claims({ nbf: now() + 120 })), "claims"],
  ["expired two minutes ago", () => sign(claims({ exp: now() - 120 })), "expired"],
  [
    "issued two hours ago, good for a day",
    () => sign(claims({ iat: now() - 7200, exp: now() + 86_400 })),
    "expired"
  ],
  ["another audience", () => sign(claims({ aud: "media-service" })), "claims"],
  ["audiences without ours", () => sign(claims({ aud: ["media-service", "messaging"] })), "claims"],
  ["no audience in a list", () => sign(claims({ aud: [] })), "claims"],
  ["an audience that is an object", () => sign(claims({ aud: { "messaging-service": true } })), "claims"],
  ["an issuer that is a list", () => sign(claims({ iss: ["auth-service"] })), "claims"],
  ["a user that is a list", () => sign(claims({ sub: [USER] })), "claims"],
  ["a device with a line break", () => sign(claims({ device_id: "a\r\nb" })), "claims"],
  ["a jti of 129 characters", () => sign(claims({ jti: "x".repeat(129) })), "claims"]
]

/** Our issuer, which also counts who asks for keys that a token points to. */
const issuer = Effect.acquireRelease(
  Effect.promise(async () => {
    const asked = { keys: 0, elsewhere: 0 }
    const server = createServer((request, response) => {
      const isOurs = request.url === "/jwks.json"
      asked[isOurs ? "keys" : "elsewhere"]++
      const keys = isOurs ? [es256.jwk, rs256.jwk, ed.jwk] : [intruder.jwk]
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys }))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return { asked, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }),
  ({ server }) => Effect.sync(() => server.close())
)

const service = Effect.gen(function* () {
  const auth = yield* issuer
  const env = { APP_ENV: "test", RATE_LIMITS: "off", JWT_JWKS_URL: `${auth.url}/jwks.json` }
  return { auth, app: yield* AppProcess.start({ env }) }
})

const ok = "accepted"

/** What REST makes of a token. */
const overRest = (app: App, token: string, path = "/api/v1/me/sessions") =>
  Effect.promise(async () => {
    const response = await fetch(app.url + path, { headers: { authorization: `Bearer ${token}` } })
    if (response.status === 200) return ok
    return `${response.status} ${((await response.json()) as { readonly reason: string }).reason}`
  })

const overSocket = Effect.fnUntraced(function* (
  app: App,
  params: Readonly<Record<string, string>>,
  protocols: ReadonlyArray<string> = []
) {
  const { ends, ws } = yield* socket(app, params, protocols)
  ws.close()
  const [refusal] = ends.all
  return refusal === undefined ? ok : refusal.join(" ")
})

const overPoll = (app: App, params: Readonly<Record<string, string>>, headers: Record<string, string> = {}) =>
  Effect.map(poll(app, params, headers), ({ reason, status }) => (status === 410 ? ok : `401 ${reason}`))

/** A good token of a user is known over gRPC, and then refused for its scope: services alone may call. */
const overGrpc = Effect.fnUntraced(function* ({ grpcPort }: App, token: string) {
  const { call } = yield* GrpcClient.connect({ port: grpcPort! })
  const request = { conversation_id: OTHER }
  const { metadata } = yield* Effect.flip(
    call("messaging.MessagingService", "GetConversationStats", request, { token })
  )
  const [reason] = metadata.get("reason")
  return reason === "forbidden" ? ok : `401 ${reason}`
}, Effect.scoped)

/** In-band, on a socket that was opened with a good one. */
const asRefresh = Effect.fnUntraced(function* (app: App, token: string) {
  const first = yield* Effect.promise(() => sign(claims()))
  const client = yield* PhoenixClient.connect({ url: app.wsUrl, params: { token: first } })
  const channel = yield* client.join(`user:${USER}`)
  return yield* Effect.match(channel.push("refresh_token", { token }), {
    onSuccess: () => ok,
    onFailure: ({ response }) => `401 ${(response as { readonly reason: string }).reason}`
  })
}, Effect.scoped)

/** A call of typed RPC over HTTP. */
const overRpc = (app: App, token: string) =>
  Effect.map(RawRpc.post(app.url, `Bearer ${token}`, "listSessions"), ({ exit }) => {
    const error = exit?.cause?.[0]?.error
    return error === undefined ? ok : `401 token_${error.reason}`
  })

/** A socket of typed RPC. */
const overRpcSocket = (app: App, options: Parameters<typeof RawRpc.connect>[1]) =>
  Effect.scoped(
    Effect.match(RawRpc.connect(app.url, options), { onSuccess: () => ok, onFailure: (refusal) => refusal })
  )

/** What becomes of a token, on each way it can come. */
const outcomes = Effect.fnUntraced(function* (app: App, token: string) {
  return yield* Effect.all({
    grpc: overGrpc(app, token),
    refresh: asRefresh(app, token),
    rest: overRest(app, token),
    socket: overSocket(app, { token }),
    authToken: overSocket(app, {}, ["phoenix", `base64url.bearer.phx.${base64url.encode(token)}`]),
    poll: overPoll(app, { token }),
    pollAuthToken: overPoll(app, {}, { "x-phoenix-authtoken": token }),
    rpc: overRpc(app, token),
    rpcHeader: overRpcSocket(app, { headers: { authorization: `Bearer ${token}` } }),
    rpcParameter: overRpcSocket(app, { params: { token } }),
    rpcSubprotocol: overRpcSocket(app, {
      protocols: ["messaging-rpc", `base64url.bearer.phx.${base64url.encode(token)}`]
    })
  })
})

const all = (outcome: string) => ({
  grpc: outcome,
  refresh: outcome,
  rest: outcome,
  socket: outcome,
  authToken: outcome,
  poll: outcome,
  pollAuthToken: outcome,
  rpc: outcome,
  rpcHeader: outcome,
  rpcParameter: outcome,
  rpcSubprotocol: outcome
})

const minutes = { timeout: 180_000 }

describe("A token", () => {
  it.live(
    "that is forged or broken is refused, for the same one reason on every way",
    () =>
      Effect.gen(function* () {
        const { app } = yield* service
        for (const [name, make, reason] of attacks) {
          const token = yield* Effect.promise(async () => make())
          assert.deepStrictEqual(yield* outcomes(app, token), all(`401 token_${reason}`), name)
        }
        for (const by of [es256, rs256, ed]) {
          const token = yield* Effect.promise(() => sign(claims(), {}, by))
          assert.deepStrictEqual(yield* outcomes(app, token), all(ok), by.alg)
        }
      }),
    minutes
  )

  it.live(
    "makes nobody fetch keys from where it points, and unknown keys cost the issuer next to nothing",
    () =>
      Effect.gen(function* () {
        const { app, auth } = yield* service
        const elsewhere = `${auth.url}/attacker.json`
        for (const header of [
          { jku: elsewhere },
          { x5u: elsewhere },
          { jku: elsewhere, x5u: elsewhere, kid: "x" }
        ]) {
          const token = yield* Effect.promise(() => sign(claims(), header, intruder))
          assert.include(["401 token_signature", "401 token_unknown_key"], yield* overRest(app, token))
        }
        const storm = Array.from({ length: 300 }, (_, i) => sign(claims(), { kid: `unknown-${i}` }))
        const tokens = yield* Effect.promise(() => Promise.all(storm))
        const answers = yield* Effect.forEach(tokens, (token) => overRest(app, token), { concurrency: 50 })
        assert.deepStrictEqual(new Set(answers), new Set(["401 token_unknown_key"]))
        assert.strictEqual(auth.asked.elsewhere, 0)
        assert.isAtMost(auth.asked.keys, 3)
        const good = yield* Effect.promise(() => sign(claims()))
        assert.strictEqual(yield* overRest(app, good), ok)
      }),
    minutes
  )

  it.live(
    "is what its issuer wrote: at the edge of its time, for several audiences, with claims that come twice",
    () =>
      Effect.gen(function* () {
        const { app } = yield* service
        const good: ReadonlyArray<unknown> = [
          claims({ exp: now() - 30 }),
          claims({ iat: now() + 30, nbf: now() + 30 }),
          claims({ aud: ["media-service", "messaging-service"] }),
          text(claims(), `"sub":"${OTHER}"`)
        ]
        for (const payload of good) {
          const token = yield* Effect.promise(() => sign(payload))
          assert.strictEqual(yield* overRest(app, token), ok, JSON.stringify(payload))
        }
        // No claim but `scope` makes an admin.
        for (const extra of [
          '"__proto__":{"scope":"admin"}',
          '"constructor":{"prototype":{"scopes":["admin"]}}'
        ]) {
          const token = yield* Effect.promise(() => sign(text(claims(), extra)))
          assert.strictEqual(yield* overRest(app, token, "/api/v1/admin/tree"), "403 forbidden")
        }
        const twice = yield* Effect.promise(() => sign(text(claims({ scope: "admin" }), '"scope":"none"')))
        assert.strictEqual(yield* overRest(app, twice, "/api/v1/admin/tree"), "403 forbidden")
      }),
    minutes
  )

  it.live(
    "in another spelling is the same token: used once, revoked at once, and never another's answer",
    () =>
      Effect.gen(function* () {
        const { app } = yield* service
        const once = yield* Effect.promise(() => sign(claims({ single_use: true })))
        const spellings = [once, withSignature(once, mirrored), respelled(once), once]
        const answers = yield* Effect.forEach(spellings, (token) => overRest(app, token))
        assert.strictEqual(answers[0], ok)
        assert.notInclude(answers.slice(1), ok)
        assert.strictEqual(answers[1], "401 token_replayed")

        const jti = crypto.randomUUID()
        const token = yield* Effect.promise(() => sign(claims({ jti })))
        const mirror = withSignature(token, mirrored)
        assert.strictEqual(yield* overRest(app, token), ok)
        assert.strictEqual(yield* overRest(app, mirror), ok)
        // What was believed before lends nothing to what resembles it.
        const [header, payload, signature] = token.split(".") as [string, string, string]
        assert.strictEqual(
          yield* overRest(app, `${header}.${payload}.${"A".repeat(86)}`),
          "401 token_signature"
        )
        const changed = `${header}.${encode(claims({ jti, sub: OTHER }))}.${signature}`
        assert.strictEqual(yield* overRest(app, changed), "401 token_signature")
        assert.strictEqual(yield* overRest(app, token), ok)

        const admin = yield* Effect.promise(() => sign(claims({ sub: OTHER, scope: "admin" })))
        yield* Effect.promise(() =>
          fetch(`${app.url}/api/v1/admin/revocations`, {
            method: "POST",
            headers: { authorization: `Bearer ${admin}`, "content-type": "application/json" },
            body: JSON.stringify({ token_id: jti })
          })
        )
        for (const spelling of [token, mirror, respelled(token)]) {
          assert.strictEqual(yield* overRest(app, spelling), "401 token_revoked")
        }
      }),
    minutes
  )
})
