import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import type { JSONWebKeySet } from "jose"
import { fromFile, fromUrl, type JwtKeys } from "../../../src/layers/jwt/JwtKeys.ts"
import { makeIssuer } from "./JwtIssuer.ts"

const [one, two] = [await makeIssuer("ES256", "one"), await makeIssuer("ES256", "two")]
const both: JSONWebKeySet = { keys: [...one.jwks.keys, ...two.jwks.keys] }

/** Outages are logged; here they are meant. */
const quietly = Effect.provideService(References.MinimumLogLevel, "None")

/** Whether a key is found, or which error says it is not. */
const find = (keys: JwtKeys, kid: string) =>
  keys.find({ alg: "ES256", kid }).pipe(
    Effect.match({
      onSuccess: () => "found",
      onFailure: (error) => (error._tag === "TokenRejected" ? error.reason : error._tag)
    }),
    quietly
  )

/** An auth service whose answer the test changes; `status` 0 hangs up instead of answering. */
const authService = Effect.acquireRelease(
  Effect.promise(async () => {
    const state = { status: 200, body: JSON.stringify(one.jwks), requests: 0 }
    const server = createServer((_, response) => {
      state.requests++
      if (state.status === 0) response.destroy()
      else response.writeHead(state.status, { "content-type": "application/json" }).end(state.body)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`)
    return { state, url, server }
  }),
  ({ server }) => Effect.sync(() => server.close())
)

const tempFile = (content: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const dir = await mkdtemp(join(tmpdir(), "jwks-"))
      await writeFile(join(dir, "jwks.json"), content)
      return join(dir, "jwks.json")
    }),
    (path) => Effect.promise(() => rm(join(path, ".."), { recursive: true }))
  )

/** As a careful deployment does it: written aside, then renamed into place. */
const replace = (path: string, content: string) =>
  Effect.promise(async () => {
    await writeFile(`${path}.next`, content)
    await rename(`${path}.next`, path)
  })

describe("JwtKeys at a URL", () => {
  it.live("are fetched once, at the first use", () =>
    Effect.gen(function* () {
      const { state, url } = yield* authService
      const keys = fromUrl(url)
      assert.strictEqual(state.requests, 0)
      assert.deepStrictEqual(
        yield* Effect.all([find(keys, "one"), find(keys, "one"), find(keys, "one")], { concurrency: 3 }),
        ["found", "found", "found"]
      )
      assert.strictEqual(state.requests, 1)
    })
  )

  it.live("are fetched again for an unknown key id, so that a rotation needs no restart", () =>
    Effect.gen(function* () {
      const { state, url } = yield* authService
      const keys = fromUrl(url, { cooldown: 0 })
      assert.strictEqual(yield* find(keys, "one"), "found")
      state.body = JSON.stringify(both)
      assert.strictEqual(yield* find(keys, "two"), "found")
      assert.strictEqual(yield* find(keys, "one"), "found")
      assert.strictEqual(state.requests, 2)
    })
  )

  it.live("are not fetched again within the cooldown, however many unknown key ids come", () =>
    Effect.gen(function* () {
      const { state, url } = yield* authService
      const keys = fromUrl(url)
      yield* find(keys, "one")
      const outcomes = yield* Effect.forEach(Array.from({ length: 50 }), (_, n) => find(keys, `made-up-${n}`))
      assert.deepStrictEqual(new Set(outcomes), new Set(["unknown_key"]))
      assert.strictEqual(state.requests, 1)
    })
  )

  for (const [what, status, body] of [
    ["answers an error", 500, ""],
    ["redirects", 302, ""],
    ["hangs up", 0, ""],
    ["answers something else than JSON", 200, "<html>"],
    ["answers JSON that is no key set", 200, `{"keys":7}`]
  ] as const) {
    it.live(`are unavailable when the issuer ${what}`, () =>
      Effect.gen(function* () {
        const { state, url } = yield* authService
        state.status = status
        state.body = body
        assert.strictEqual(yield* find(fromUrl(url), "one"), "Unavailable")
      })
    )
  }

  it.live("stay usable while the issuer is down; only unknown ones are then unavailable", () =>
    Effect.gen(function* () {
      const { state, url } = yield* authService
      const keys = fromUrl(url, { cooldown: 0, maxAge: 0, retryAfter: "1 minute" })
      assert.strictEqual(yield* find(keys, "one"), "found")
      state.status = 503
      assert.strictEqual(yield* find(keys, "one"), "found")
      assert.strictEqual(yield* find(keys, "two"), "Unavailable")
    })
  )

  it.live("are not asked for by every caller while the issuer is down", () =>
    Effect.gen(function* () {
      const { state, url } = yield* authService
      state.status = 503
      const keys = fromUrl(url, { retryAfter: "1 minute" })
      yield* Effect.forEach(Array.from({ length: 20 }), () => find(keys, "one"))
      assert.strictEqual(state.requests, 1)
    })
  )

  it.live("are back as soon as the issuer is", () =>
    Effect.gen(function* () {
      const { state, url } = yield* authService
      state.status = 503
      const keys = fromUrl(url, { retryAfter: 0 })
      assert.strictEqual(yield* find(keys, "one"), "Unavailable")
      state.status = 200
      assert.strictEqual(yield* find(keys, "one"), "found")
    })
  )
})

describe("JwtKeys in a file", () => {
  it.live("are read again when the file changes", () =>
    Effect.gen(function* () {
      const path = yield* tempFile(JSON.stringify(one.jwks))
      const keys = yield* fromFile(path)
      assert.strictEqual(yield* find(keys, "one"), "found")
      assert.strictEqual(yield* find(keys, "two"), "unknown_key")
      yield* replace(path, JSON.stringify(two.jwks))
      assert.strictEqual(yield* find(keys, "two"), "found")
      assert.strictEqual(yield* find(keys, "one"), "unknown_key")
    })
  )

  it.live("stay as they were while the file is broken or gone, and recover", () =>
    Effect.gen(function* () {
      const path = yield* tempFile(JSON.stringify(one.jwks))
      const keys = yield* fromFile(path)
      yield* replace(path, `{"keys": [`)
      assert.strictEqual(yield* find(keys, "one"), "found")
      yield* Effect.promise(() => rm(path))
      assert.strictEqual(yield* find(keys, "one"), "found")
      yield* replace(path, JSON.stringify(two.jwks))
      assert.strictEqual(yield* find(keys, "two"), "found")
    })
  )

  it.live("fail the start with a message that names the file when it is absent or no key set", () =>
    Effect.gen(function* () {
      for (const content of ["", "{}", `{"keys":{}}`, "[]"]) {
        const path = yield* tempFile(content)
        const error = yield* Effect.flip(fromFile(path))
        assert.include(error.message, path)
      }
      assert.include((yield* Effect.flip(fromFile("/nowhere/jwks.json"))).message, "/nowhere/jwks.json")
    })
  )
})
