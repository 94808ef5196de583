import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { createLocalJWKSet, type JSONWebKeySet } from "jose"
import type { DevToken } from "../../../src/domain/ports/DevIssuer.ts"
import * as DevIssuer from "../../../src/layers/jwt/DevIssuer.ts"
import { make } from "../../../src/layers/jwt/JwtVerifier.ts"
import { noRevocations } from "../../support/NoRevocations.ts"
import { serve, userId } from "./RestServer.ts"

const serveDev = Effect.gen(function* () {
  const dataDir = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "dev-"))),
    (dir) => Effect.promise(() => rm(dir, { recursive: true }))
  )
  return yield* serve({ devIssuer: Layer.orDie(DevIssuer.layer({ dataDir })) })
})

describe("DevRoutes", () => {
  it.live("issues a token for whom is asked, which the published keys verify", () =>
    Effect.gen(function* () {
      const call = yield* serveDev
      const issued = yield* call("/dev/token", {
        body: { user_id: userId("alice"), device_id: "laptop", trust_level: "verified" }
      })
      assert.strictEqual(issued.status, 200)
      const token = issued.json as DevToken
      assert.hasAllKeys(token, ["token", "user_id", "device_id", "expires_at"])
      const jwks = (yield* call("/.well-known/jwks.json")).json as JSONWebKeySet
      const local = createLocalJWKSet(jwks)
      const { verify } = make({ find: (header) => Effect.promise(() => local(header)) }, noRevocations)
      const identity = yield* verify(Redacted.make(token.token))
      assert.strictEqual(identity.userId, userId("alice"))
      assert.strictEqual(identity.deviceId, "laptop")
      assert.strictEqual(identity.trust, "verified")
    })
  )

  it.live("makes somebody up when nothing is asked, with or without a body", () =>
    Effect.gen(function* () {
      const call = yield* serveDev
      const [a, b] = [yield* call("/dev/token", { method: "POST" }), yield* call("/dev/token", { body: {} })]
      assert.strictEqual(a.status, 200)
      assert.strictEqual(b.status, 200)
      assert.notStrictEqual((a.json as DevToken).user_id, (b.json as DevToken).user_id)
    })
  )

  it.live("names what is wrong with a request", () =>
    Effect.gen(function* () {
      const call = yield* serveDev
      const answer = yield* call("/dev/token", { body: { user_id: "alice", trust_level: "god" } })
      assert.strictEqual(answer.status, 400)
      const { issues } = answer.json as { issues: ReadonlyArray<{ path: string }> }
      assert.sameMembers(
        issues.map(({ path }) => path),
        ["user_id", "trust_level"]
      )
    })
  )

  it.live("does not exist unless it is mounted", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      assert.strictEqual((yield* call("/dev/token", { body: {} })).status, 404)
      assert.strictEqual((yield* call("/.well-known/jwks.json")).status, 404)
    })
  )
})
