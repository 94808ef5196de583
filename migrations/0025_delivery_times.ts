/**
 * Rows of `delivery_statuses` are made by the database, a whole batch of positions in one statement, and so are their
 * ids: of version 7, in the order of their index.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  // The first 48 bits of a random one are replaced by the time in milliseconds, and its version by 7.
  yield* sql`
    CREATE FUNCTION uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
      SELECT encode(
        set_bit(set_bit(
          overlay(uuid_send(gen_random_uuid())
            PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1), 53, 1), 'hex')::uuid
    $$`
  yield* sql`ALTER TABLE delivery_statuses ALTER COLUMN id SET DEFAULT uuid_v7()`
})
