import { createServer } from "node:net"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Redacted, References } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Database from "../../../src/layers/database/Database.ts"
import * as Databases from "../../contract/Databases.ts"
import * as Ports from "../../support/Ports.ts"
import * as PostgresServer from "../../support/PostgresServer.ts"

/** Enough for a busy machine to connect in. */
const timeout = 2_000

const connect = (url: string) =>
  Database.layer({ url: Redacted.make(url), dataDir: "", maxConnections: 2, timeout }).pipe(
    Layer.provide(Databases.quiet)
  )

/** A server that takes connections and never says a word. */
const silentServer = Effect.map(
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer((socket) => socket.on("error", () => {}).resume())
          server.listen(0, "127.0.0.1", () => resolve(server))
        })
    ),
    (server) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
  ),
  (server) => server.address() as { readonly port: number }
)

/** Why a database cannot be used, and how long it took to say so, in milliseconds. */
const refusal = Effect.fnUntraced(function* (url: string) {
  const started = performance.now()
  const message = yield* Layer.build(connect(url)).pipe(
    Effect.scoped,
    Effect.match({ onFailure: (error) => error.message, onSuccess: () => "it can be used" })
  )
  return { message, took: performance.now() - started }
})

const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.match(effect, { onFailure: (error) => error._tag, onSuccess: () => "success" })

describe("A DATABASE_URL that cannot be used is refused", () => {
  it.live("when nothing listens there, without its password", () =>
    Effect.gen(function* () {
      const port = yield* Ports.free()
      const { message } = yield* refusal(`postgres://ann:sesame@127.0.0.1:${port}/chat`)
      assert.match(
        message,
        new RegExp(`^DATABASE_URL 127\\.0\\.0\\.1:${port}/chat cannot be used: .*ECONNREFUSED`)
      )
      assert.notInclude(message, "sesame")
    })
  )

  it.live("when what listens there never answers", () =>
    Effect.gen(function* () {
      const { port } = yield* silentServer
      const { message, took } = yield* refusal(`postgres://ann@127.0.0.1:${port}/chat`)
      assert.match(message, /cannot be used: Connection timed out/)
      assert.isBelow(took, 5 * timeout)
    })
  )

  it.live("when it is no URL", () =>
    Effect.gen(function* () {
      const { message } = yield* refusal("sesame@host")
      assert.strictEqual(message, "DATABASE_URL (not a URL) cannot be used: Invalid URL")
    })
  )
})

layer(PostgresServer.layer({ fsync: false }), { excludeTestServices: true, timeout: "60 seconds" })(
  "A database on a server",
  (it) => {
    const connected = Effect.gen(function* () {
      const { url } = yield* PostgresServer.PostgresServer
      return yield* Layer.build(connect(url))
    })

    /** Runs `test` with a pool of its own. */
    const withDatabase = <A, E, R>(
      test: (
        database: Database.Database["Service"],
        server: PostgresServer.PostgresServer["Service"]
      ) => Effect.Effect<A, E, R>
    ) =>
      Effect.gen(function* () {
        const server = yield* PostgresServer.PostgresServer
        const context = yield* connected
        return yield* Effect.flatMap(Database.Database, (database) => test(database, server)).pipe(
          Effect.provideContext(context)
        )
      })

    const query = (text: string) => Effect.flatMap(SqlClient, (sql) => sql.unsafe(text))

    it.effect("names the database when that does not exist", () =>
      Effect.gen(function* () {
        const { url } = yield* PostgresServer.PostgresServer
        const { message } = yield* refusal(url.replace(/postgres$/, "nowhere"))
        assert.match(message, /\/nowhere cannot be used: database "nowhere" does not exist/)
      })
    )

    it.effect("gives a query up at its deadline, and goes on with the next", () =>
      withDatabase((database) =>
        Effect.gen(function* () {
          const started = performance.now()
          assert.strictEqual(yield* tagOf(database.run("sleep", query("SELECT pg_sleep(60)"))), "Unavailable")
          assert.isBelow(performance.now() - started, 3 * timeout)
          assert.strictEqual(yield* tagOf(database.run("next", query("SELECT 1"))), "success")
        })
      )
    )

    it.effect("answers in time while the server hangs, and serves again when it goes on", () =>
      withDatabase((database, server) =>
        Effect.gen(function* () {
          yield* database.ping
          yield* server.stop
          const started = performance.now()
          const tags = yield* Effect.all(
            Array.from({ length: 10 }, () => tagOf(database.ping)),
            { concurrency: "unbounded" }
          )
          assert.isBelow(performance.now() - started, 3 * timeout)
          yield* server.cont
          assert.deepStrictEqual(new Set(tags), new Set(["Unavailable"]))
          yield* Databases.eventually(database.ping)
        })
      )
    )

    it.effect("fails queries while the server is gone, at once, and serves again when it is back", () =>
      withDatabase((database, server) =>
        Effect.gen(function* () {
          yield* database.ping
          const cut = yield* Effect.forkScoped(tagOf(database.run("sleep", query("SELECT pg_sleep(60)"))))
          yield* Effect.andThen(Effect.yieldNow, server.kill9)
          assert.strictEqual(yield* Fiber.join(cut), "Unavailable")
          const started = performance.now()
          const tags = yield* Effect.forEach(Array.from({ length: 200 }), () => tagOf(database.ping))
          assert.deepStrictEqual(new Set(tags), new Set(["Unavailable"]))
          assert.isBelow(performance.now() - started, 5 * timeout)
          yield* server.restart
          yield* Databases.eventually(database.ping)
        })
      )
    )

    it.effect("tells a query that can never work from a database that cannot be reached", () =>
      withDatabase((database) =>
        Effect.gen(function* () {
          const rejected = [
            "SELECT 1/0",
            "SELECT nothing",
            "INSERT INTO pg_class SELECT * FROM pg_class LIMIT 1",
            "SELECT 'x'::jsonb"
          ]
          for (const text of rejected) {
            assert.strictEqual(yield* tagOf(database.attempt("bad", query(text))), "QueryRejected", text)
            assert.strictEqual(yield* tagOf(database.run("bad", query(text))), "Unavailable", text)
          }
          const ended = query("SELECT pg_terminate_backend(pg_backend_pid())")
          assert.strictEqual(yield* tagOf(database.attempt("ended", ended)), "Unavailable")
        })
      )
    )

    it.effect("puts neither rows nor statements into its log", () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const recorder = Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))])
        yield* withDatabase((database) =>
          Effect.gen(function* () {
            yield* database.run(
              "make",
              query("CREATE TEMP TABLE diary (entry text CHECK (length(entry) < 3))")
            )
            yield* tagOf(database.run("write", query("INSERT INTO diary VALUES ('dear diary')")))
          })
        ).pipe(Effect.provide(recorder), Effect.provideService(References.MinimumLogLevel, "All"))
        assert.include(lines.join(), "diary_entry_check")
        assert.notInclude(lines.join(), "dear diary")
        assert.notInclude(lines.join(), "INSERT")
      })
    )
  }
)
