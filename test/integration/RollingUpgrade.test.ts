/**
 * An upgrade node by node: newer code brings the database forward while older code still runs on it. The older node
 * must not notice a column more, and must also start again on a schema that is newer than it knows.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as TempDir from "../support/TempDir.ts"

/** What an additive migration of a version to come does: a column more in every table, and a table more. */
const migrateAhead = (url: string) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const tables = yield* sql<{ readonly table_name: string }>`
      SELECT table_name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'schema_migrations'`
    assert.isAtLeast(tables.length, 9)
    for (const { table_name } of tables) {
      yield* sql`ALTER TABLE ${sql(table_name)} ADD COLUMN from_the_future text NOT NULL DEFAULT 'later'`
    }
    yield* sql`CREATE TABLE from_the_future (id uuid PRIMARY KEY)`
    yield* sql`INSERT INTO schema_migrations (migration_id, name) VALUES (9999, 'from_the_future')`
  }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url) })))

/** Something of everything that reads or writes a table. */
const useAll = Effect.fnUntraced(function* (alice: Chat.Person, bob: Chat.Person, id: string, round: number) {
  const conversation = `/api/v1/conversations/${id}`
  const client_random = round
  const sent = yield* alice.rest.ok<{ readonly id: string; readonly seq: number }>(
    "POST",
    `${conversation}/messages`,
    {
      content: `round ${round}`,
      client_random
    }
  )
  const message = `${conversation}/messages/${sent.id}`
  yield* alice.rest.ok("PATCH", message, { content: "edited" })
  yield* bob.rest.ok("POST", `${message}/reactions`, { reaction: "👍" })
  yield* bob.rest.ok("POST", `${message}/mark-as-read`)
  yield* alice.rest.ok("POST", `${message}/pin`)
  yield* bob.rest.ok("GET", `${conversation}/messages?limit=50`)
  yield* bob.rest.ok("GET", "/api/v1/conversations")
  yield* bob.rest.ok("GET", conversation)
  yield* bob.rest.ok("GET", `${conversation}/members`)
  const fresh = yield* Chat.group(alice, bob)
  assert.notStrictEqual(fresh, id)
  return sent.seq
})

describe("A rolling upgrade", () => {
  it.live("with an additive migration disturbs no older node, and one may start again", () =>
    Effect.gen(function* () {
      const postgres = yield* PostgresServer.make({ fsync: false })
      const env = { DATABASE_URL: postgres.url, DATA_DIR: yield* TempDir.make("upgrade"), RATE_LIMITS: "off" }
      const old = yield* AppProcess.start({ env })
      const [alice, bob] = [yield* Chat.person(old), yield* Chat.person(old)]
      const id = yield* Chat.group(alice, bob)
      const client = yield* Chat.connect(old, bob)
      const channel = yield* client.join(`conversation:${id}`)
      for (let round = 1; round <= 3; round++) yield* useAll(alice, bob, id, round)

      yield* migrateAhead(postgres.url)
      for (let round = 4; round <= 6; round++) yield* useAll(alice, bob, id, round)
      assert.strictEqual(channel.errors.all.length, 0)
      assert.notMatch(old.output(), /ERROR/)

      const again = yield* AppProcess.start({ env })
      yield* useAll(Chat.at(again, alice), Chat.at(again, bob), id, 7)
    })
  )
})
