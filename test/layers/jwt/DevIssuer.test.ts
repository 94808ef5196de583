import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { UserId } from "../../../src/domain/Ids.ts"
import { DevIssuer } from "../../../src/domain/ports/DevIssuer.ts"
import { TokenVerifier } from "../../../src/domain/ports/TokenVerifier.ts"
import * as Issuer from "../../../src/layers/jwt/DevIssuer.ts"
import * as JwtVerifier from "../../../src/layers/jwt/JwtVerifier.ts"
import * as NoRevocations from "../../support/NoRevocations.ts"

const tempDir = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "dev-issuer-"))),
  (dir) => Effect.promise(() => rm(dir, { recursive: true }))
)

/** One life of a process: an issuer and a verifier over the key in this directory. */
const start = (dataDir: string) =>
  Layer.build(
    Layer.provideMerge(
      JwtVerifier.layerDev().pipe(Layer.provide(NoRevocations.layer)),
      Issuer.layer({ dataDir })
    )
  ).pipe(
    Effect.map((context) => ({
      issue: Effect.fnUntraced(function* (request: Parameters<DevIssuer["Service"]["issue"]>[0]) {
        return yield* DevIssuer.use((issuer) => issuer.issue(request))
      }, Effect.provideContext(context)),
      verify: Effect.fnUntraced(function* (token: string) {
        return yield* TokenVerifier.use((verifier) => verifier.verify(Redacted.make(token)))
      }, Effect.provideContext(context)),
      jwks: Effect.provideContext(
        DevIssuer.useSync((issuer) => issuer.jwks),
        context
      )
    }))
  )

const alice = UserId.make("0198a3a0-0000-7000-8000-000000000001")

describe("DevIssuer", () => {
  it.live("issues tokens that the verifier believes, for whom was asked", () =>
    Effect.gen(function* () {
      const { issue, verify } = yield* start(yield* tempDir)
      const token = yield* issue({ user_id: alice, trust_level: "premium" })
      const identity = yield* verify(token.token)
      assert.strictEqual(identity.userId, alice)
      assert.strictEqual(identity.deviceId, token.device_id)
      assert.strictEqual(identity.trust, "premium")
      assert.strictEqual(new Date(identity.expiresAt).toISOString(), token.expires_at)
    })
  )

  it.live("makes up a user and a device when none is asked for", () =>
    Effect.gen(function* () {
      const { issue } = yield* start(yield* tempDir)
      const [a, b] = [yield* issue({}), yield* issue({})]
      assert.isTrue(Schema.is(UserId)(a.user_id))
      assert.notStrictEqual(a.user_id, b.user_id)
      assert.notStrictEqual(a.device_id, b.device_id)
    })
  )

  it.live("keeps its key across restarts, readable by its owner only", () =>
    Effect.gen(function* () {
      const dir = yield* tempDir
      const { token } = yield* Effect.flatMap(start(dir), ({ issue }) => issue({ user_id: alice }))
      const { verify } = yield* start(dir)
      assert.strictEqual((yield* verify(token)).userId, alice)
      const { mode } = yield* Effect.promise(() => stat(join(dir, "dev-issuer.json")))
      assert.strictEqual(mode & 0o777, 0o600)
    })
  )

  it.live("publishes no private part of its key", () =>
    Effect.gen(function* () {
      const { jwks } = yield* start(yield* tempDir)
      assert.hasAllKeys((yield* jwks).keys[0], ["kty", "crv", "x", "y", "kid", "alg", "use"])
    })
  )

  it.live("ends with one key when several processes start at once on one directory", () =>
    Effect.gen(function* () {
      const dir = yield* tempDir
      const all = yield* Effect.all(
        Array.from({ length: 8 }, () => start(dir)),
        { concurrency: "unbounded" }
      )
      const keys = yield* Effect.forEach(all, ({ jwks }) => jwks)
      assert.strictEqual(new Set(keys.map(({ keys }) => keys[0]?.kid)).size, 1)
      assert.deepStrictEqual(yield* Effect.promise(() => readdir(dir)), ["dev-issuer.json"])
    })
  )

  it.live("does not replace a key file it cannot use, and names it", () =>
    Effect.gen(function* () {
      const dir = yield* tempDir
      const path = join(dir, "dev-issuer.json")
      for (const content of ["", "not json", `{"kty":"RSA"}`]) {
        yield* Effect.promise(() => writeFile(path, content))
        const error = yield* Effect.flip(start(dir))
        assert.include(error.message, path)
        assert.strictEqual(yield* Effect.promise(() => readFile(path, "utf8")), content)
      }
    })
  )
})
