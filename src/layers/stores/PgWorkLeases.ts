/** `WorkLeases` as rows of the database that all nodes share, in its time and not in theirs. */
import { Clock, Duration, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { WorkLeases } from "../../domain/ports/WorkLeases.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import { Database } from "../database/Database.ts"

export interface WorkLeaseOptions {
  /** How long a lease outlives a holder that died. */
  readonly duration: Duration.Input
}

/** $1 name, $2 holder, $3 ms. */
const holdSql = `
  INSERT INTO worker_leases AS l (name, holder, expires_at) VALUES ($1, $2::uuid, now() + $3::float8 * interval '1 millisecond')
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
  WHERE l.holder = excluded.holder OR l.expires_at < now()
  RETURNING name`

const make = Effect.fnUntraced(function* (options: WorkLeaseOptions) {
  const sql = yield* SqlClient
  const database = yield* Database
  const millis = Duration.toMillis(options.duration)
  const holder = newId()
  /** When each lease was taken or renewed last. */
  const held = new Map<string, number>()

  const hold = Effect.fnUntraced(function* (name: string) {
    const now = yield* Clock.currentTimeMillis
    const age = now - (held.get(name) ?? Number.NEGATIVE_INFINITY)
    if (age >= 0 && age < millis / 3) return true
    const rows = yield* database.run("WorkLeases.hold", sql.unsafe(holdSql, [name, holder, millis]))
    if (rows.length > 0) held.set(name, now)
    else held.delete(name)
    return rows.length > 0
  })

  const release = (name: string) =>
    Effect.suspend(() => {
      if (!held.delete(name)) return Effect.void
      const query = sql.unsafe("DELETE FROM worker_leases WHERE name = $1 AND holder = $2::uuid", [
        name,
        holder
      ])
      // Not released it ends by itself.
      return Effect.ignore(database.run("WorkLeases.release", query))
    })

  return WorkLeases.of({ hold, release })
})

export const layer = (options: WorkLeaseOptions) => Layer.effect(WorkLeases, make(options))
