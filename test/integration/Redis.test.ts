/** The running service with a Redis: what it runs, what it says of it, and what it does when Redis goes. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "ioredis"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Poll from "../support/Poll.ts"
import * as RedisServer from "../support/RedisServer.ts"

interface Tree {
  readonly nodes: ReadonlyArray<{ readonly path: string; readonly restarts: number }>
}

interface Report {
  readonly status: string
  readonly checks: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly detail?: string
  }>
}

const reportOf = (app: AppProcess.RunningApp) =>
  Effect.promise(async () => (await (await fetch(`${app.url}/health/ready`)).json()) as Report)

const statusBecomes = (app: AppProcess.RunningApp, status: string) =>
  Poll.until(
    Effect.map(reportOf(app), (report) => report.status === status),
    { what: `health ${status}` }
  )

const clientOf = (redis: RedisServer.RedisServer["Service"]) =>
  Effect.acquireRelease(
    Effect.sync(() => new Redis(redis.url)),
    (client) => Effect.sync(() => client.disconnect())
  )

/** The user that docs/redis.md gives the service, and the rights it has there. */
const [, user = "", password = "", rights = ""] =
  /ACL SETUSER (\w+) on >(\w+) (.+)/.exec(readFileSync("docs/redis.md", "utf8")) ?? []
const urlOfUser = (redis: RedisServer.RedisServer["Service"]) =>
  redis.url.replace("//", `//${user}:${password}@`)
const grant = (client: Redis, rights: string) =>
  Effect.promise(() => client.acl("SETUSER", user, "reset", "on", `>${password}`, ...rights.split(" ")))

const minutes = { timeout: 120_000 }

describe("The running service with REDIS_URL", () => {
  it.live(
    "has a Redis supervisor, which restarts nothing when Redis goes and comes back empty",
    () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        const env = { APP_ENV: "test", REDIS_URL: redis.url, REDIS_TIMEOUT: "500 millis" }
        const app = yield* AppProcess.start({ env })
        yield* statusBecomes(app, "up")
        const admin = yield* Chat.person(app, { scope: "admin" })
        const tree = admin.rest.ok<Tree>("GET", "/api/v1/admin/tree")
        const before = (yield* tree).nodes.map(({ path }) => path)
        for (const child of ["main_pool", "session_pool", "queue_pool", "pubsub"]) {
          assert.isTrue(
            before.some((path) => path.endsWith(`Redis/${child}`)),
            `${child} in ${before.join(", ")}`
          )
        }

        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.direct(alice, bob)
        const sender = yield* (yield* Chat.connect(app, alice)).join(`conversation:${id}`)
        const reader = yield* (yield* Chat.connect(app, bob)).join(`conversation:${id}`)
        let sent = 0
        const sendAndSee = Effect.gen(function* () {
          sent++
          yield* sender.push("send_message", { content: `message ${sent}`, client_random: sent })
          const got = yield* reader.next<{ readonly seq: number }>("new_message")
          assert.strictEqual(got.seq, sent)
        })

        yield* sendAndSee
        yield* redis.kill9
        yield* sendAndSee
        yield* statusBecomes(app, "degraded")
        yield* sendAndSee
        yield* redis.restart({ empty: true })
        yield* statusBecomes(app, "up")
        yield* sendAndSee
        yield* redis.stop
        yield* sendAndSee
        yield* statusBecomes(app, "degraded")
        yield* sendAndSee
        yield* redis.cont
        yield* statusBecomes(app, "up")
        yield* sendAndSee

        assert.strictEqual(reader.errors.all.length, 0, "nobody's channel was touched")
        assert.isTrue((yield* tree).nodes.every(({ restarts }) => restarts === 0))
      }),
    minutes
  )

  it.live(
    "goes on after a crash of any part of it",
    () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        const app = yield* AppProcess.start({ env: { APP_ENV: "test", REDIS_URL: redis.url } })
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.direct(alice, bob)
        for (const path of ["Redis/main_pool", "Redis/pubsub", "Redis", "Realtime/TopicRepair"]) {
          yield* statusBecomes(app, "up")
          yield* alice.rest.ok("POST", "/test/crash", { path })
          yield* Poll.until(
            alice.rest.ok("POST", `/api/v1/conversations/${id}/messages`, {
              content: path,
              client_random: 1
            }),
            { what: `a send after a crash of ${path}` }
          )
          yield* statusBecomes(app, "up")
        }
      }),
    minutes
  )

  it.live(
    "starts without Redis, degraded, and picks it up when it comes",
    () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        yield* redis.kill9
        const app = yield* AppProcess.start({ env: { APP_ENV: "test", REDIS_URL: redis.url } })
        yield* statusBecomes(app, "degraded")
        yield* redis.restart()
        yield* statusBecomes(app, "up")
      }),
    minutes
  )

  it.live(
    "says that its user may not use its channels, and heals when it may",
    () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        const client = yield* clientOf(redis)
        yield* grant(client, rights.replace("&", "resetchannels &no:"))
        const app = yield* AppProcess.start({ env: { APP_ENV: "test", REDIS_URL: urlOfUser(redis) } })
        const found = Effect.map(
          reportOf(app),
          ({ checks }) => checks.find(({ name }) => name === "redis")?.detail
        )
        yield* Poll.until(Effect.map(found, (detail) => detail === "forbids channels: pubsub"))
        yield* grant(client, rights)
        yield* statusBecomes(app, "up")
      }),
    minutes
  )

  it.live(
    "leaves no key there without an end, and none that docs/redis.md does not name, as the user that it names",
    () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        const redisClient = yield* clientOf(redis)
        yield* grant(redisClient, rights)
        const intervals = { CLEANUP_INTERVAL: "1 second", METRICS_INTERVAL: "1 second" }
        const env = { APP_ENV: "test", REDIS_URL: urlOfUser(redis), RATE_LIMITS: "on", ...intervals }
        const app = yield* AppProcess.start({ env })
        yield* statusBecomes(app, "up")
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const admin = yield* Chat.person(app, { scope: "admin" })
        const id = yield* Chat.direct(alice, bob)
        const away = yield* Chat.connect(app, bob)
        yield* away.join(`user:${bob.user_id}`)
        yield* away.disconnect
        const client = yield* Chat.connect(app, alice)
        yield* client.join(`user:${alice.user_id}`)
        const channel = yield* client.join(`conversation:${id}`)
        yield* alice.rest.ok("POST", "/api/v1/socket-tickets")
        yield* admin.rest.ok("POST", "/api/v1/admin/revocations", { user_id: bob.user_id })
        let sends = 1
        // So many without an answer that a rule of suspicion takes notice.
        yield* Poll.until(
          Effect.gen(function* () {
            const sent = yield* Effect.exit(
              channel.push("send_message", { content: "hello", client_random: sends++ })
            )
            return sent._tag === "Failure"
          }),
          { what: "a block" }
        )

        const documented = Array.from(
          readFileSync("docs/redis.md", "utf8").matchAll(/^\| (`messaging:[^|]+) \|/gm),
          ([, names]) => Array.from(names!.matchAll(/`([^`]+)`/g), ([, name]) => name!)
        ).flat()
        const patterns = new Map(
          documented.map((name) => [name, new RegExp(`^${name.replaceAll(/\{\w+\}/g, ".+")}$`)])
        )
        const expected = [
          "messaging:sessions:{user}",
          "messaging:session-records:{user}",
          "messaging:revoked:user:{id}",
          "messaging:ticket:{digest}",
          "messaging:limit:{scope}:{subject}",
          "messaging:limit-nodes",
          "messaging:block:user:{id}",
          "messaging:blocks",
          "messaging:queue:{user}",
          "messaging:queue:{user}:state",
          "messaging:probe",
          "messaging:nodes",
          "messaging:presence:{topic}"
        ]
        const missing = new Set(expected)
        yield* Poll.until(
          Effect.promise(async () => {
            // Whoever asks for its health has it write the probe, which does not last.
            await fetch(`${app.url}/health/ready`)
            for (const key of await redisClient.keys("*")) {
              const names = documented.filter((name) => patterns.get(name)!.test(key))
              assert.isAbove(names.length, 0, `${key} is not documented`)
              // It may have ended since it was listed.
              assert.notStrictEqual(await redisClient.pttl(key), -1, `${key} never ends`)
              for (const name of names) missing.delete(name)
            }
            assert.deepStrictEqual(Array.from(missing), [])
            return true
          }),
          { what: "all kinds of keys", deadline: 20_000 }
        )
        const metrics = Effect.promise(async () => (await fetch(`${app.url}/metrics`)).text())
        yield* Poll.until(
          Effect.map(metrics, (text) =>
            ["redis_memory_used_bytes", "offline_queue_users"].every((name) => text.includes(`\n${name}`))
          ),
          { what: "what Redis is asked for" }
        )
        const denied = yield* Effect.promise(() => redisClient.acl("LOG"))
        assert.deepStrictEqual(denied, [], "nothing was forbidden")
      }),
    minutes
  )

  it.live(
    "refuses to start with a URL that names no Redis, and says which variable",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.spawn({
          env: { REDIS_QUEUE_URL: "http://secret@host", REDIS_URL: "redis://127.0.0.1" }
        })
        const { code } = yield* app.exited
        assert.strictEqual(code, 1)
        assert.include(app.output(), "REDIS_QUEUE_URL cannot be used")
        assert.notInclude(app.output(), "secret")
      }),
    minutes
  )
})
