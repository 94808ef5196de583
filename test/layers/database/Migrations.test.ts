import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Database from "../../../src/layers/database/Database.ts"
import { MigrationFailed, migrate } from "../../../src/layers/database/Migrations.ts"
import * as Databases from "../../contract/Databases.ts"
import * as PostgresServer from "../../support/PostgresServer.ts"
import * as TempDir from "../../support/TempDir.ts"

/** A database that nothing was done to yet. */
const empty = {
  "a Postgres server": Effect.map(PostgresServer.make({ fsync: false }), ({ url }) => ({
    url: Redacted.make(url)
  })),
  "the embedded database": Effect.map(TempDir.make("migrations"), (dataDir) => ({ url: undefined, dataDir }))
}

const connect = (options: Partial<Database.DatabaseOptions>) =>
  Layer.build(
    Database.layer({
      url: undefined,
      dataDir: "",
      maxConnections: 4,
      timeout: "10 seconds",
      ...options
    }).pipe(Layer.provide(Databases.quiet))
  )

const tables = Effect.gen(function* () {
  const sql = yield* SqlClient
  const rows = yield* sql<{ tablename: string }>`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
  return rows.map((row) => row.tablename).sort()
})

const expected = [
  "audit_head",
  "audit_log",
  "conversation_members",
  "conversation_settings",
  "conversations",
  "delivery_statuses",
  "drafts",
  "hidden_messages",
  "idempotency_keys",
  "last_seen",
  "message_attachments",
  "message_mentions",
  "message_reactions",
  "messages",
  "pinned_messages",
  "reports",
  "scheduled_messages",
  "user_preferences",
  "worker_leases"
]

for (const [name, options] of Object.entries(empty)) {
  describe(`The migrations on ${name}`, () => {
    it.live("make every table, once", () =>
      Effect.gen(function* () {
        const context = yield* connect(yield* options)
        yield* Effect.gen(function* () {
          const applied = yield* migrate
          assert.strictEqual(applied[0], "0001_conversations")
          assert.deepStrictEqual(yield* migrate, [])
          assert.deepStrictEqual(
            (yield* tables).filter((table) => table !== "schema_migrations"),
            expected
          )
        }).pipe(Effect.provideContext(context))
      })
    )
  })
}

describe("The migrations", () => {
  it.live("are applied once when several nodes start together", () =>
    Effect.gen(function* () {
      const context = yield* connect(yield* empty["a Postgres server"])
      const applied = yield* Effect.all([migrate, migrate, migrate], { concurrency: "unbounded" }).pipe(
        Effect.provideContext(context)
      )
      assert.strictEqual(applied.filter((names) => names.length > 0).length, 1)
    })
  )

  it.live("leave nothing behind when a step fails", () =>
    Effect.gen(function* () {
      const context = yield* connect(yield* empty["a Postgres server"])
      yield* Effect.gen(function* () {
        // In the way of the last table.
        yield* Context.get(context, SqlClient)`CREATE TABLE scheduled_messages ()`
        const exit = yield* Effect.exit(migrate)
        assert.isTrue(Exit.isFailure(exit))
        const error = yield* Effect.flip(migrate)
        assert.instanceOf(error, MigrationFailed)
        assert.match(
          error.message,
          /^Migrating the database failed: .*_scheduled_messages.*: relation "scheduled_messages" already exists$/
        )
        assert.deepStrictEqual(yield* tables, ["scheduled_messages", "schema_migrations"])
      }).pipe(Effect.provideContext(context))
    })
  )
})
