/** The commands of the process, as an operator runs them. */
import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as RedisServer from "../support/RedisServer.ts"
import { RestClient } from "../support/RestClient.ts"
import * as TempDir from "../support/TempDir.ts"

const main = join(import.meta.dirname, "../../src/main.ts")

const run = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string | undefined>> = {}
) {
  const app = yield* AppProcess.spawn({ args, env })
  const { code } = yield* app.exited
  return { code, output: app.output() }
})

interface Report {
  readonly checks: ReadonlyArray<{
    readonly check: string
    readonly status: string
    readonly advice?: string
  }>
}

const examine = Effect.fnUntraced(function* (env: Readonly<Record<string, string | undefined>>) {
  const { code, output } = yield* run(["doctor", "--json"], env)
  const { checks }: Report = JSON.parse(output)
  return { code, statuses: Object.fromEntries(checks.map(({ check, status }) => [check, status])), checks }
})

describe("A command line", () => {
  it.live("that cannot be understood shows help and exits 2", () =>
    Effect.gen(function* () {
      for (const args of [
        ["nonsense"],
        ["--workers", "0"],
        ["token", "--user", "alice"],
        ["start", "--fast"]
      ]) {
        const { code, output } = yield* run(args)
        assert.strictEqual(code, 2, args.join(" "))
        assert.match(output, /USAGE/)
        assert.match(output, /ERROR/)
      }
    })
  )

  it.live("shows help and the version when asked", () =>
    Effect.gen(function* () {
      const help = yield* run(["--help"])
      assert.strictEqual(help.code, 0)
      for (const name of ["start", "migrate", "token", "doctor", "audit"])
        assert.match(help.output, new RegExp(`^ +${name} `, "m"))
      // What the command-line library has besides, and this service has not.
      for (const flag of ["--wizard", "--log-level"]) assert.notInclude(help.output, flag)
      assert.strictEqual((yield* run(["--log-level", "debug", "doctor"])).code, 2)
      assert.match((yield* run(["--version"])).output, /\d+\.\d+\.\d+/)
    })
  )
})

describe("migrate", () => {
  it.live("brings the database up to date once, and leaves nothing to do", () =>
    Effect.gen(function* () {
      const { url: DATABASE_URL } = yield* PostgresServer.make({ fsync: false })
      const migrate = run(["migrate", "--json"], { DATABASE_URL })
      const before = yield* examine({ DATABASE_URL })
      assert.strictEqual(before.statuses.schema, "warning")
      const first = JSON.parse((yield* migrate).output)
      assert.strictEqual(first.applied[0], "0001_conversations")
      assert.deepStrictEqual(JSON.parse((yield* migrate).output), { applied: [] })
      assert.strictEqual((yield* examine({ DATABASE_URL })).statuses.schema, "ok")
    })
  )
})

describe("A command that answers in JSON", () => {
  it.live("writes nothing else to standard output, however much it logs", () =>
    Effect.gen(function* () {
      for (const LOG_FORMAT of ["pretty", "json"]) {
        const DATA_DIR = `${yield* TempDir.make("json")}/data`
        const { stderr, stdout } = yield* Effect.promise(() =>
          promisify(execFile)(process.execPath, [main, "migrate", "--json"], {
            env: { PATH: process.env.PATH, DATA_DIR, LOG_FORMAT, LOG_LEVEL: "debug" }
          })
        )
        assert.strictEqual(JSON.parse(stdout).applied[0], "0001_conversations")
        assert.match(stderr, /Running migration/)
      }
    })
  )
})

describe("token", () => {
  it.live("prints a token that the service on the same data directory believes", () =>
    Effect.gen(function* () {
      const DATA_DIR = yield* TempDir.make("token")
      const user = crypto.randomUUID()
      const { output } = yield* run(["token", "--user", user, "--scope", "admin"], { DATA_DIR })
      const app = yield* AppProcess.start({ env: { DATA_DIR } })
      const admin = new RestClient(app.url, output.trim())
      assert.strictEqual((yield* admin.request("GET", "/api/v1/admin/tree")).status, 200)
    })
  )

  it.live("is not to be had where tokens come from somebody else", () =>
    Effect.gen(function* () {
      const { code, output } = yield* run(["token"], { JWT_JWKS_URL: "http://127.0.0.1:9/keys" })
      assert.strictEqual(code, 1)
      assert.match(output, /^messaging-service: JWT_JWKS_URL or JWT_JWKS_FILE is set/)
    })
  )
})

describe("doctor", () => {
  it.live("finds nothing wrong with the defaults, and makes no database", () =>
    Effect.gen(function* () {
      const DATA_DIR = `${yield* TempDir.make("doctor")}/none`
      const { code, statuses } = yield* examine({ DATA_DIR })
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(new Set(Object.values(statuses)), new Set(["ok"]))
      assert.match(
        (yield* run(["doctor"], { DATA_DIR })).output,
        /^ok +database: embedded; the first start makes it/m
      )
    })
  )

  it.live("says what to do about what is away", () =>
    Effect.gen(function* () {
      const { checks, code, statuses } = yield* examine({
        DATABASE_URL: "postgres://127.0.0.1:9/none",
        REDIS_URL: "redis://127.0.0.1:9",
        REDIS_CONNECT_TIMEOUT: "200 millis",
        REDIS_TIMEOUT: "200 millis",
        JWT_JWKS_URL: "http://127.0.0.1:9/keys",
        MEDIA_SERVICE_URL: "grpc://127.0.0.1:9"
      })
      assert.strictEqual(code, 1)
      for (const check of ["database", "redis", "token keys", "media service"])
        assert.strictEqual(statuses[check], "failed", check)
      for (const { advice, status } of checks) assert.strictEqual(advice === undefined, status === "ok")
    })
  )

  it.live("reads the files that the start would read", () =>
    Effect.gen(function* () {
      const directory = yield* TempDir.make("doctor")
      const file = (name: string, text: string) => {
        const path = join(directory, name)
        writeFileSync(path, text)
        return path
      }
      const statusesWith = (env: Readonly<Record<string, string>>) =>
        Effect.map(examine(env), ({ code, statuses }) => [code, statuses["token keys"], statuses["gRPC TLS"]])
      const keys = file("keys.json", JSON.stringify({ keys: [] }))
      assert.deepStrictEqual(yield* statusesWith({ JWT_JWKS_FILE: keys }), [0, "ok", "ok"])
      for (const path of [join(directory, "none"), file("rubbish.json", "{}")]) {
        assert.deepStrictEqual(yield* statusesWith({ JWT_JWKS_FILE: path }), [1, "failed", "ok"])
      }
      const nonsense = file("nonsense.pem", "nonsense")
      assert.deepStrictEqual(yield* statusesWith({ GRPC_TLS_CERT: nonsense }), [1, "ok", "failed"])
      assert.deepStrictEqual(yield* statusesWith({ GRPC_TLS_CERT: nonsense, GRPC_TLS_KEY: nonsense }), [
        1,
        "ok",
        "failed"
      ])
    })
  )

  it.live("names the variable that is wrong", () =>
    Effect.gen(function* () {
      const { code, output } = yield* run(["doctor"], { PORT: "many" })
      assert.strictEqual(code, 1)
      assert.match(output, /^FAILED +configuration: .*PORT/m)
    })
  )

  it.live("knows a whole installation from a part of one", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const { url: DATABASE_URL } = yield* PostgresServer.make({ fsync: false })
      const app = yield* AppProcess.start({ env: { DATABASE_URL, REDIS_URL: redis.url } })
      const { code, statuses } = yield* examine({
        DATABASE_URL,
        REDIS_URL: redis.url,
        USER_SERVICE_URL: `grpc://127.0.0.1:${app.grpcPort}`,
        PORT: String(app.httpPort)
      })
      assert.strictEqual(code, 0)
      assert.strictEqual(statuses["user service"], "ok")
      assert.strictEqual(statuses.redis, "ok")
      assert.strictEqual(statuses.schema, "ok")
      assert.strictEqual(statuses.port, "warning")
    })
  )
})
