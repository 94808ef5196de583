/** `LastSeenStore` in SQL. */
import { Effect, Exit, Layer, Request, RequestResolver } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { Unavailable } from "../../domain/Errors.ts"
import type { UserId } from "../../domain/Ids.ts"
import { type LastSeen, LastSeenStore } from "../../domain/ports/LastSeenStore.ts"
import { Database } from "../database/Database.ts"
import { timestamps, uuids } from "../database/SqlArrays.ts"

/** In one order everywhere, so that two nodes cannot deadlock. */
const recordSql = `
  INSERT INTO last_seen AS s (user_id, seen_at)
  SELECT i.user_id, i.seen_at FROM unnest($1::uuid[], $2::timestamptz[]) AS i (user_id, seen_at) ORDER BY i.user_id
  ON CONFLICT (user_id) DO UPDATE SET seen_at = excluded.seen_at WHERE s.seen_at < excluded.seen_at`

export const readSql = `
  SELECT i.user_id, s.seen_at, NOT coalesce(p.last_seen, true) AS is_hidden
  FROM unnest($1::uuid[]) AS i (user_id)
  LEFT JOIN last_seen s ON s.user_id = i.user_id
  LEFT JOIN user_preferences p ON p.user_id = i.user_id`

interface Row {
  readonly user_id: UserId
  readonly seen_at: Date | null
  readonly is_hidden: boolean
}

interface Of extends Request.Request<LastSeen, Unavailable> {
  readonly _tag: "LastSeenOf"
  readonly userId: UserId
}
const Of = Request.tagged<Of>("LastSeenOf")

export const layer = Layer.effect(
  LastSeenStore,
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const database = yield* Database

    // A node whose users leave all at once is asked of all of them at once.
    const resolver = RequestResolver.make<Of>((entries) =>
      Effect.map(
        database.run(
          "LastSeenStore.of",
          sql.unsafe<Row>(readSql, [uuids(Array.from(new Set(entries.map((entry) => entry.request.userId))))])
        ),
        (rows) => {
          const byUser = new Map(rows.map((row) => [row.user_id, row]))
          for (const entry of entries) {
            const row = byUser.get(entry.request.userId)
            entry.completeUnsafe(
              Exit.succeed({ at: row?.seen_at?.getTime(), isHidden: row?.is_hidden === true })
            )
          }
        }
      )
    ).pipe(RequestResolver.setDelay("5 millis"), RequestResolver.batchN(500))

    return LastSeenStore.of({
      record: (seen) =>
        Effect.asVoid(
          database.run(
            "LastSeenStore.record",
            sql.unsafe(recordSql, [
              uuids(seen.map(({ userId }) => userId)),
              timestamps(seen.map(({ at }) => at))
            ])
          )
        ),
      of: (userId) => Effect.request(Of({ userId }), resolver)
    })
  })
)
