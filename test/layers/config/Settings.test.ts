import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { IpNetwork } from "effect/net"
import { AppConfig, layer } from "../../../src/layers/config/AppConfig.ts"

const load = (env: Record<string, string>) =>
  AppConfig.pipe(
    Effect.provide(layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))))
  )

describe("AppConfig", () => {
  it("is documented as it is: docs/configuration.md is printed from the settings", () => {
    const printed = execFileSync(process.execPath, ["scripts/print-configuration.mjs"], { encoding: "utf8" })
    assert.strictEqual(readFileSync("docs/configuration.md", "utf8"), printed)
  })

  it.effect("starts without any variable, for development", () =>
    Effect.gen(function* () {
      const config = yield* load({})
      assert.deepInclude(config, { env: "dev", host: "127.0.0.1", port: 4000, databaseUrl: undefined })
    })
  )

  it.effect("takes 0 for a free port, and names the variable of a wrong one", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* load({ PORT: "0" })).port, 0)
      const error = yield* Effect.flip(load({ PORT: "99999" }))
      assert.match(error.message, /^PORT: /)
    })
  )

  it.effect("names every wrong variable's expectation", () =>
    Effect.gen(function* () {
      for (const [name, value] of Object.entries({
        APP_ENV: "staging",
        LOG_FORMAT: "xml",
        SOCKET_IDLE_TIMEOUT: "soon",
        MAX_SOCKETS: "many",
        REDIS_CONNECTIONS: "0",
        JWT_JWKS_URL: "not a url"
      })) {
        const error = yield* Effect.flip(load({ [name]: value }))
        assert.isTrue(error.message.startsWith(`${name}: `), error.message)
      }
    })
  )

  it.effect("refuses to run in production on the dev issuer", () =>
    Effect.gen(function* () {
      for (const env of ["prod", "kube"]) {
        const error = yield* Effect.flip(load({ APP_ENV: env }))
        assert.include(error.message, "JWT_JWKS_URL")
        assert.strictEqual((yield* load({ APP_ENV: env, JWT_JWKS_FILE: "/keys.json" })).env, env)
      }
    })
  )

  it.effect("reads networks and single addresses, and names the wrong one", () =>
    Effect.gen(function* () {
      const { trustedProxies } = yield* load({ TRUSTED_PROXIES: "10.0.0.0/8, ::1,192.0.2.1 ," })
      assert.deepStrictEqual(trustedProxies.map(IpNetwork.format), ["10.0.0.0/8", "::1/128", "192.0.2.1/32"])
      assert.deepStrictEqual((yield* load({})).trustedProxies, [])
      for (const wrong of ["10.0.0.0/33", "10.0.0.1/8", "proxy.internal", "*"]) {
        const error = yield* Effect.flip(load({ TRUSTED_PROXIES: `10.0.0.0/8, ${wrong}` }))
        assert.match(error.message, /^TRUSTED_PROXIES\.1: /, wrong)
      }
    })
  )

  it.effect("reads lists, trimmed, without empty entries", () =>
    Effect.gen(function* () {
      const { allowedOrigins } = yield* load({ ALLOWED_ORIGINS: " https://a.example , ,//*.b.example" })
      assert.deepStrictEqual(allowedOrigins, ["https://a.example", "//*.b.example"])
      const error = yield* Effect.flip(load({ ALLOWED_ORIGINS: ":conn, b.example" }))
      assert.match(error.message, /^ALLOWED_ORIGINS\.1: .*https:\/\/chat\.example\.com/)
    })
  )
})
