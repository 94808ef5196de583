/** `IdempotencyStore` as rows that all nodes share, in the database's time; see migrations/0027. */
import { PgTypes } from "@effect/sql-pg"
import { Duration, Effect, Layer } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { SqlClient } from "effect/sql/SqlClient"
import { type Claim, IdempotencyStore, type KeptAnswer } from "../../domain/ports/IdempotencyStore.ts"
import { Database } from "../database/Database.ts"

export interface IdempotencyOptions {
  /** How long a key names its request. */
  readonly lifetime: Duration.Input
  /** How long a request of a node that died is left to it. */
  readonly lease: Duration.Input
}

/** Rows of one step of a sweep, and steps of one sweep: what is left then is left to the next. */
const SWEEP_ROWS = 1_000
const SWEEP_STEPS = 100

/**
 * $1 user, $2 key, $3 digest, $4 id, $5 claim, $6 lease and $7 lifetime in ms. No row: it is not to be run, for a reason
 * that the row tells. A key whose time is over is as good as none, swept or not.
 */
const claimSql = `
  INSERT INTO idempotency_keys AS k (user_id, key, digest, id, claim, leased_until, expires_at)
  VALUES ($1::uuid, $2, $3, $4::uuid, $5::uuid, now() + $6::float8 * interval '1 millisecond',
    now() + $7::float8 * interval '1 millisecond')
  ON CONFLICT (user_id, key) DO UPDATE SET
    digest = excluded.digest, claim = excluded.claim, leased_until = excluded.leased_until,
    id = CASE WHEN k.expires_at <= now() THEN excluded.id ELSE k.id END,
    expires_at = CASE WHEN k.expires_at <= now() THEN excluded.expires_at ELSE k.expires_at END,
    status = NULL, headers = NULL, body = NULL
  WHERE k.expires_at <= now() OR k.digest = excluded.digest AND k.status IS NULL AND k.leased_until <= now()
  RETURNING k.id`

const findSql = `
  SELECT digest, status, headers, body FROM idempotency_keys WHERE user_id = $1::uuid AND key = $2`

/** $1 user, $2 key, $3 claim; $4 status, $5 headers and $6 body, or nulls. */
const settleSql = `
  UPDATE idempotency_keys SET leased_until = now(), status = $4, headers = $5, body = $6
  WHERE user_id = $1::uuid AND key = $2 AND claim = $3::uuid`

export const sweepSql = `
  DELETE FROM idempotency_keys WHERE (user_id, key) IN (
    SELECT user_id, key FROM idempotency_keys WHERE expires_at <= now()
    ORDER BY expires_at LIMIT ${SWEEP_ROWS} FOR UPDATE SKIP LOCKED
  )
  RETURNING 1`

interface Row {
  readonly digest: string
  readonly status: number | null
  readonly headers: KeptAnswer["headers"] | null
  readonly body: string | null
}

const make = Effect.fnUntraced(function* (options: IdempotencyOptions) {
  const sql = yield* SqlClient
  const database = yield* Database
  const lifetime = Duration.toMillis(options.lifetime)
  const lease = Duration.toMillis(options.lease)

  const query = <A extends object>(what: string, text: string, parameters: ReadonlyArray<unknown>) =>
    database.run(`IdempotencyStore.${what}`, sql.unsafe<A>(text, parameters))

  const step = Effect.map(query("sweep", sweepSql, []), (rows) => rows.length)

  return IdempotencyStore.of({
    claim: Effect.fnUntraced(function* ({ digest, key, userId }, exclusive) {
      const claim = SecureRandom.uuidV7Unsafe()
      const [claimed] = yield* query<{ readonly id: string }>("claim", claimSql, [
        userId,
        key,
        digest,
        SecureRandom.uuidV7Unsafe(),
        claim,
        exclusive ? lease : 0,
        lifetime
      ])
      if (claimed !== undefined) return { _tag: "Claimed", id: claimed.id, claim } satisfies Claim
      const [row] = yield* query<Row>("find", findSql, [userId, key])
      // Swept in between: the next attempt finds nothing.
      if (row === undefined) return { _tag: "Running" } satisfies Claim
      if (row.digest !== digest) return { _tag: "Another" } satisfies Claim
      if (row.status === null) return { _tag: "Running" } satisfies Claim
      const { body, headers, status } = row
      return { _tag: "Answered", answer: { status, headers: headers ?? {}, body } } satisfies Claim
    }),

    settle: ({ key, userId }, { claim }, answer) =>
      Effect.asVoid(
        query("settle", settleSql, [
          userId,
          key,
          claim,
          PgTypes.int2(answer?.status ?? null),
          PgTypes.jsonb(answer?.headers ?? null),
          PgTypes.text(answer?.body ?? null)
        ])
      ),

    sweep: Effect.gen(function* () {
      let swept = 0
      for (let steps = 0; steps < SWEEP_STEPS; steps++) {
        const rows = yield* step
        swept += rows
        if (rows < SWEEP_ROWS) break
      }
      return swept
    })
  })
})

export const layer = (options: IdempotencyOptions) => Layer.effect(IdempotencyStore, make(options))
