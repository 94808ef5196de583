/**
 * Requests that were named by an `Idempotency-Key`, and what they were answered. `digest` tells a retry from another
 * request under the same key. While one runs, nobody else runs it: `claim` is who does, `leased_until` how long that
 * is believed. `id` is decided with the first claim: what the request creates is created under it, whoever runs it.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`
    CREATE TABLE idempotency_keys (
      user_id uuid NOT NULL,
      key text NOT NULL,
      digest text NOT NULL,
      id uuid NOT NULL,
      claim uuid NOT NULL,
      leased_until timestamptz NOT NULL,
      status smallint,
      headers jsonb,
      body text,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (user_id, key)
    )`
  yield* sql`CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at)`
})
