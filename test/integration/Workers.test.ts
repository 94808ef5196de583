/** Several processes on one port: the kernel spreads the connections, a supervisor starts again what dies. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Poll from "../support/Poll.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as RedisServer from "../support/RedisServer.ts"
import { readerAt } from "../support/Talk.ts"

const childrenOf = (pid: number): ReadonlyArray<number> =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number)

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

const listening = (app: AppProcess.SpawnedApp, times: number) =>
  Poll.until(() => (app.output().match(/listening http=/g) ?? []).length >= times, {
    deadline: 30_000,
    what: `${times} workers that listen`
  })

const twoWorkers = Effect.gen(function* () {
  const redis = yield* RedisServer.make()
  const postgres = yield* PostgresServer.make({ fsync: false })
  const app = yield* AppProcess.start({
    args: ["start", "--workers", "2"],
    env: { APP_ENV: "test", DATABASE_URL: postgres.url, REDIS_URL: redis.url }
  })
  yield* listening(app, 2)
  return app
})

/** Sends and reads over connections of their own, which may meet either worker. */
const talk = Effect.fnUntraced(function* (app: AppProcess.RunningApp) {
  const alice = yield* Chat.person(app)
  const bob = yield* Chat.person(app)
  const id = yield* Chat.direct(alice, bob)
  const readers = yield* Effect.forEach([alice, bob, alice, bob, alice, bob], (person) =>
    readerAt(app, person, id)
  )
  for (let client_random = 0; client_random < 20; client_random++) {
    yield* alice.rest.ok("POST", `/api/v1/conversations/${id}/messages`, { content: "hello", client_random })
  }
  yield* Effect.forEach(readers, (reader) => reader.has(20))
})

describe("Two workers on one port", () => {
  it.live(
    "serve one another's clients, and a killed one is started again",
    () =>
      Effect.gen(function* () {
        const app = yield* twoWorkers
        yield* talk(app)
        const [victim, other] = childrenOf(app.pid)
        assert.isDefined(other)
        process.kill(victim!, "SIGKILL")
        yield* listening(app, 3)
        yield* talk(app)
        assert.strictEqual(childrenOf(app.pid).length, 2)
      }),
    { timeout: 120_000 }
  )

  it.live(
    "drain on SIGTERM, and exit 0",
    () =>
      Effect.gen(function* () {
        const app = yield* twoWorkers
        const workers = childrenOf(app.pid)
        yield* app.kill("SIGTERM")
        assert.strictEqual((yield* app.exited).code, 0)
        assert.deepStrictEqual(workers.filter(isAlive), [])
      }),
    { timeout: 120_000 }
  )

  it.live(
    "do not outlive their supervisor",
    () =>
      Effect.gen(function* () {
        const app = yield* twoWorkers
        const workers = childrenOf(app.pid)
        process.kill(app.pid, "SIGKILL")
        yield* Poll.until(() => !workers.some(isAlive), { deadline: 20_000, what: "the end of the workers" })
      }),
    { timeout: 120_000 }
  )

  it.live("are not started without the things that they share", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.spawn({ args: ["--workers", "2"] })
      assert.strictEqual((yield* app.exited).code, 1)
      assert.match(
        app.output(),
        /^messaging-service: CLUSTER is on, as it is with --workers, and needs DATABASE_URL and REDIS_URL/
      )
    })
  )
})
