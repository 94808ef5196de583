/**
 * Messages that expire: an index of those that are still there, and who looks for them. A lease is taken by one node
 * at a time, in the database's own time; another may take it when it was not renewed.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`DROP INDEX messages_expires_at`
  yield* sql`
    CREATE INDEX messages_expires_at ON messages (expires_at) WHERE expires_at IS NOT NULL AND NOT is_deleted`
  yield* sql`
    CREATE TABLE worker_leases (
      name text PRIMARY KEY,
      holder uuid NOT NULL,
      expires_at timestamptz NOT NULL
    )`
})
