/**
 * The audit log in SQL. Entries wait in memory until they are committed, in order, many at a time; an outage of the
 * database is waited out, a shutdown commits what waits. What a crash of the process may take with it are entries that
 * were noted within the last commit's time; those that were recorded are committed before their caller goes on.
 */
import { PgTypes } from "@effect/sql-pg"
import { Clock, Context, type Duration, Effect, Latch, Layer, Metric } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Unavailable } from "../../domain/Errors.ts"
import { type AuditEvent, AuditLog, type AuditQuery } from "../../domain/ports/AuditLog.ts"
import { Database } from "../database/Database.ts"
import { texts } from "../database/SqlArrays.ts"
import { describe } from "../database/SqlFailure.ts"
import type { Head } from "./AuditChain.ts"
import * as AuditText from "./AuditText.ts"
import { RepeatedRefusals } from "./RepeatedRefusals.ts"

export interface AuditOptions {
  /** Entries that may wait for a commit; past it events are counted, and requests to record answer `Unavailable`. */
  readonly capacity: number
  /** How long a request to record waits for its commit. */
  readonly timeout: Duration.Input
}

/** The loop of the writer, which the supervision tree runs. Interrupted, it first commits what waits, if it can. */
export class AuditLoop extends Context.Service<AuditLoop, { readonly run: Effect.Effect<never> }>()(
  "messaging-service/layers/AuditLoop"
) {}

const MAX_BATCH = 500
const RETRY = "500 millis"
/** How long refusals that repeat are counted before their number goes on record. */
const COUNTED_FOR = "1 minute"
/** The head goes into the process's own log this often, out of reach of whoever can change the database. */
const HEAD_EVERY_MS = 3_600_000

const entries = Metric.counter("audit_entries_total", {
  description: "Entries of the audit log that are committed",
  incremental: true
})
const overflow = Metric.counter("audit_overflowed_total", {
  description: "Events that found the audit log's queue full, and were counted instead",
  incremental: true
})

interface Waiting {
  readonly entry: string
  readonly committed: () => void
}

interface Row {
  readonly seq: number
  readonly entry: string
  readonly hash: string
}

const ignore = () => {}
const unavailable = new Unavailable({ what: "audit log" })

/** $1 before this `seq`, $2 rows; then the actor and the action, where one is asked for. */
const readSql = ({ action, actor }: AuditQuery): string => {
  const byActor = actor === undefined ? "" : "AND actor_id = $3::uuid"
  const byAction = action === undefined ? "" : `AND action = $${actor === undefined ? 3 : 4}`
  return `
    SELECT seq::float8, entry, encode(hash, 'hex') AS hash FROM audit_log
    WHERE seq < $1 ${byActor} ${byAction} ORDER BY seq DESC LIMIT $2`
}

const make = Effect.fnUntraced(function* ({ capacity, timeout }: AuditOptions) {
  const sql = yield* SqlClient
  const database = yield* Database
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const filled = Latch.makeUnsafe(false)
  const queue: Array<Waiting> = []
  const repeated = new RepeatedRefusals()
  let overflowed = 0
  let batchSize = MAX_BATCH
  let headLoggedAt = 0

  const append = (event: AuditEvent, committed: () => void): boolean => {
    if (queue.length >= capacity) return false
    queue.push({ entry: AuditText.encode(event, clock.currentTimeMillisUnsafe()), committed })
    filled.openUnsafe()
    return true
  }

  const logHead = (head: Head) => {
    headLoggedAt = clock.currentTimeMillisUnsafe()
    return Effect.annotateLogs(Effect.logInfo("Head of the audit log"), { seq: head.seq, hash: head.hash })
  }

  /** What is committed leaves the queue, and only then: whatever ends this loop, the next one goes on from there. */
  const settle = (batch: ReadonlyArray<Waiting>): void => {
    for (const { committed } of queue.splice(0, batch.length)) committed()
    if (overflowed === 0) return
    const count = overflowed
    overflowed = 0
    append({ action: "audit.overflowed", outcome: "done", details: { count } }, ignore)
  }

  const commit = Effect.uninterruptible(
    Effect.suspend(() => {
      const batch = queue.slice(0, batchSize)
      const statement = sql.unsafe<{ readonly head_seq: number; readonly head_hash: string }>(
        "SELECT * FROM append_audit($1)",
        [texts(batch.map(({ entry }) => entry))]
      )
      return database.attempt("AuditLog.append", statement).pipe(
        Effect.flatMap(([head]) => {
          batchSize = MAX_BATCH
          settle(batch)
          const due = clock.currentTimeMillisUnsafe() - headLoggedAt >= HEAD_EVERY_MS
          return Effect.andThen(
            Metric.update(entries, batch.length),
            head !== undefined && due ? logHead({ seq: head.head_seq, hash: head.head_hash }) : Effect.void
          )
        }),
        Effect.as(true),
        Effect.catchTags({
          Unavailable: () => Effect.succeed(false),
          // One entry that the database does not take must not keep the others from it.
          QueryRejected: ({ cause }) =>
            Effect.sync(() => {
              batchSize = batch.length > 1 ? 1 : MAX_BATCH
              if (batch.length === 1) {
                overflowed++
                settle(batch)
              }
              return true
            }).pipe(
              Effect.tap(() =>
                Effect.annotateLogs(Effect.logError("An audit entry was rejected"), describe(cause))
              )
            )
        })
      )
    })
  )

  const next = Effect.suspend((): Effect.Effect<unknown> => {
    if (queue.length > 0) return Effect.flatMap(commit, (went) => (went ? Effect.void : Effect.sleep(RETRY)))
    filled.closeUnsafe()
    return filled.await
  })

  const drain: Effect.Effect<void> = Effect.suspend(() =>
    queue.length === 0 ? Effect.void : Effect.flatMap(commit, (went) => (went ? drain : lost))
  )
  const lost = Effect.suspend(() =>
    Effect.logError(`${queue.length} entries of the audit log were not committed`)
  )

  const appendOrCount = (event: AuditEvent): void => {
    if (append(event, ignore)) return
    overflowed++
    overflow.updateUnsafe(1, context)
  }

  const noteRepeated = Effect.sync(() => repeated.take().forEach(appendOrCount))

  const log = AuditLog.of({
    note: (event) => {
      if (repeated.admits(event)) appendOrCount(event)
    },
    record: (event) =>
      Effect.callback<void, Unavailable>((resume) => {
        if (!append(event, () => resume(Effect.void))) resume(Effect.fail(unavailable))
      }).pipe(Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(unavailable) })),
    read: (query) => {
      const { action, actor, beforeSeq, limit } = query
      const filters = [actor, action].filter((value) => value !== undefined)
      const statement = sql.unsafe<Row>(readSql(query), [
        PgTypes.float8(beforeSeq ?? Number.MAX_SAFE_INTEGER),
        limit,
        ...filters
      ])
      return Effect.map(database.run("AuditLog.read", statement), (rows) =>
        rows.map(({ entry, hash, seq }) => AuditText.decode(entry, seq, hash))
      )
    }
  })
  const run = Effect.forever(next).pipe(
    Effect.raceFirst(Effect.forever(Effect.delay(noteRepeated, COUNTED_FOR))),
    Effect.onInterrupt(() => Effect.andThen(noteRepeated, drain))
  )
  return Context.make(AuditLog, log).pipe(Context.add(AuditLoop, AuditLoop.of({ run })))
})

export const layer = (options: AuditOptions) => Layer.effectContext(make(options))
