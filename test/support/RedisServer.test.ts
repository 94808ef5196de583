import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "ioredis"
import * as Poll from "./Poll.ts"
import * as RedisServer from "./RedisServer.ts"
import { tools } from "./Tools.ts"

const connect = (url: string, options: { readonly commandTimeout?: number } = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => new Redis(url, { retryStrategy: () => null, ...options }).on("error", () => {})),
    (client) => Effect.sync(() => client.disconnect())
  )

describe.skipIf(tools.redisServer === undefined)("RedisServer", () => {
  it.live("answers commands and takes further settings", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ args: ["--maxmemory", "4mb"] })
      const client = yield* connect(server.url)
      const reply = yield* Effect.promise(() => client.config("GET", "maxmemory"))
      assert.deepStrictEqual(reply, ["maxmemory", "4194304"])
    })
  )

  it.live("keeps acknowledged writes over kill9 and restart, and forgets them when restarted empty", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const first = yield* connect(server.url)
      yield* Effect.promise(() => first.set("key", "value"))
      yield* server.kill9
      yield* server.restart()
      const second = yield* connect(server.url)
      assert.strictEqual(yield* Effect.promise(() => second.get("key")), "value")
      yield* server.restart({ empty: true })
      const third = yield* connect(server.url)
      assert.strictEqual(yield* Effect.promise(() => third.get("key")), null)
    })
  )

  it.live("hangs between stop and cont, with connections open", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const client = yield* connect(server.url, { commandTimeout: 500 })
      // Connecting takes of a command's time, too.
      yield* Poll.until(() => client.ping(), { what: "a connection" })
      yield* server.stop
      const failure = yield* Effect.flip(Effect.tryPromise(() => client.ping()))
      assert.match(String(failure.cause), /timed out/)
      yield* server.cont
      assert.strictEqual(yield* Poll.until(() => client.ping(), { what: "an answer after cont" }), "PONG")
    })
  )
})
