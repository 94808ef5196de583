/**
 * The one SQL database: a pool of connections to a Postgres server, or the embedded database, behind the same
 * `SqlClient`. Owns connecting, deadlines and the one translation of SQL failures; knows no table.
 *
 * Whoever queries goes through `run` or `attempt`, so that every query ends in time and no SQL text leaves here.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Context, Data, Duration, Effect, type Exit, Layer, Redacted, Schedule, Scope } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { Unavailable } from "../domain/Errors.ts"
import { DatabaseUnusable } from "./DatabaseUnusable.ts"
import * as EmbeddedDatabase from "./EmbeddedDatabase.ts"
import { describe, isRejection, messageOf, sqlState } from "./SqlFailure.ts"

export interface DatabaseOptions {
  /** A Postgres server. `undefined`: the embedded database under `dataDir`. */
  readonly url: Redacted.Redacted | undefined
  readonly dataDir: string
  /** Connections to a server at the most; the embedded database always has one. */
  readonly maxConnections: number
  /** Past it a query answers `Unavailable`, whatever the database is doing. */
  readonly timeout: Duration.Input
}

/** The database understood the query and will never accept it: its data breaks a rule. Retrying cannot help. */
export class QueryRejected extends Data.TaggedError("QueryRejected")<{
  readonly cause: SqlError
}> {}

type Query<A, R> = Effect.Effect<A, SqlError, R>

export class Database extends Context.Service<
  Database,
  {
    readonly kind: "server" | "embedded"
    /** Runs a query under the deadline. `what` names the operation in the log. */
    readonly run: <A, R>(what: string, query: Query<A, R>) => Effect.Effect<A, Unavailable, R>
    /** Like `run`, for callers that can tell which of their input broke a rule. */
    readonly attempt: <A, R>(
      what: string,
      query: Query<A, R>
    ) => Effect.Effect<A, Unavailable | QueryRejected, R>
    /** Succeeds when the database answers. */
    readonly ping: Effect.Effect<void, Unavailable>
    /** Keeps the database running where that is our job; the supervision tree runs it. Fails when it cannot. */
    readonly keep: Effect.Effect<never, DatabaseUnusable>
  }
>()("messaging-service/layers/Database") {}

/**
 * Session defaults. Every query here is written for an index, but a plan made while a table is small, or its
 * statistics are, prefers to read the table whole and is then kept for the session; a table that grows by thousands
 * of rows a second makes that ruinous. JIT only ever costs on queries of this size.
 */
export const sessionSettings = { enable_seqscan: "off", jit: "off" }

/** Pauses between attempts to reach a lost server: from 100 ms up to 5 s, each cut randomly by up to a half. */
const backoffMillis = (failures: number): number =>
  Math.min(5000, 100 * 2 ** Math.min(failures - 1, 10)) * (0.5 + Math.random() / 2)

const make = Effect.fnUntraced(function* (
  kind: "server" | "embedded",
  keep: Effect.Effect<never, DatabaseUnusable>,
  timeout: Duration.Duration
) {
  const sql = yield* SqlClient
  const scope = yield* Scope.Scope
  const clock = yield* Clock.Clock
  const timeoutMillis = Duration.toMillis(timeout)
  const unavailable = new Unavailable({ what: "database" })

  // While the server cannot be reached, only one query in a while tries; the others are answered at once.
  let failures = 0
  let closedUntil = 0

  const onUnreachable = (error: SqlError) => {
    const isFirst = failures++ === 0
    closedUntil = clock.currentTimeMillisUnsafe() + backoffMillis(failures)
    return isFirst ? Effect.logWarning("The database cannot be reached") : Effect.void
  }

  const onReached = Effect.suspend(() => {
    failures = 0
    return Effect.logInfo("The database is reachable again")
  })

  /**
   * Answers in time even when giving up does not: cancelling a query waits for the server's word, which a dead one
   * never sends. The abandoned query goes on being cancelled in the background, until its connection is dropped.
   */
  const within = <A, R>(query: Query<A, R>): Effect.Effect<A, SqlError | Unavailable, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkIn(Effect.interruptible(query), scope, { startImmediately: true }), (fiber) =>
        restore(
          Effect.callback<A, SqlError | Unavailable>((resume) => {
            const timer = setTimeout(() => {
              fiber.interruptUnsafe()
              resume(Effect.fail(unavailable))
            }, timeoutMillis)
            fiber.addObserver((exit: Exit.Exit<A, SqlError>) => {
              clearTimeout(timer)
              resume(exit)
            })
            return Effect.sync(() => {
              clearTimeout(timer)
              fiber.interruptUnsafe()
            })
          })
        )
      )
    )

  const attempt = <A, R>(
    what: string,
    query: Query<A, R>
  ): Effect.Effect<A, Unavailable | QueryRejected, R> =>
    Effect.suspend(() =>
      clock.currentTimeMillisUnsafe() < closedUntil
        ? Effect.fail(unavailable)
        : within(query).pipe(
            Effect.tap(() => (failures === 0 ? Effect.void : onReached)),
            Effect.catch((error): Effect.Effect<never, Unavailable | QueryRejected> => {
              if (error._tag === "Unavailable") {
                return Effect.logWarning("A query took too long and was given up").pipe(
                  Effect.annotateLogs({ query: what, timeoutMillis }),
                  Effect.andThen(Effect.fail(error))
                )
              }
              if (isRejection(error)) return Effect.fail(new QueryRejected({ cause: error }))
              const logged =
                error.reason._tag === "ConnectionError" && error.reason.operation === "connect"
                  ? onUnreachable(error)
                  : Effect.logWarning("A query failed")
              return logged.pipe(
                Effect.annotateLogs({ query: what, ...describe(error) }),
                Effect.andThen(Effect.fail(unavailable))
              )
            })
          )
    )

  const run = <A, R>(what: string, query: Query<A, R>): Effect.Effect<A, Unavailable, R> =>
    Effect.catchTag(attempt(what, query), "QueryRejected", (error) =>
      Effect.logError("The database rejected a query").pipe(
        Effect.annotateLogs({ query: what, ...describe(error.cause) }),
        Effect.andThen(Effect.fail(unavailable))
      )
    )

  return Database.of({
    kind,
    run,
    attempt,
    ping: run("ping", Effect.asVoid(sql.unsafe("SELECT 1"))),
    keep
  })
})

/** Where a URL points, without its credentials. */
const placeOf = (url: Redacted.Redacted): string => {
  try {
    const { host, pathname } = new URL(Redacted.value(url))
    return `${host}${pathname}`
  } catch {
    return "(not a URL)"
  }
}

/** The first contact, which tells a wrong configuration from one that works. A server still starting is waited for. */
const firstContact = (url: Redacted.Redacted) =>
  Effect.flatMap(SqlClient, (sql) => sql.unsafe("SELECT 1")).pipe(
    Effect.retry({
      while: (error) => sqlState(error) === "57P03",
      schedule: Schedule.spaced("250 millis"),
      times: 60
    }),
    Effect.mapError(
      (error) =>
        new DatabaseUnusable({ message: `DATABASE_URL ${placeOf(url)} cannot be used: ${messageOf(error)}` })
    )
  )

const client = (variable: string, config: PgClient.PgPoolConfig) =>
  PgClient.layerFrom(
    Effect.mapError(
      PgClient.make(config),
      (error) => new DatabaseUnusable({ message: `${variable} cannot be used: ${messageOf(error)}` })
    )
  )

const server = (url: Redacted.Redacted, options: DatabaseOptions, timeout: Duration.Duration) => {
  const millis = String(Math.ceil(Duration.toMillis(timeout)))
  return Layer.effect(
    Database,
    Effect.andThen(firstContact(url), make("server", Effect.never, timeout))
  ).pipe(
    Layer.provideMerge(
      client("DATABASE_URL", {
        url,
        applicationName: "messaging-service",
        maxConnections: options.maxConnections,
        connectTimeout: Duration.min(timeout, Duration.seconds(5)),
        keepAlive: "30 seconds",
        startupParameters: {
          ...sessionSettings,
          statement_timeout: millis,
          lock_timeout: millis,
          idle_in_transaction_session_timeout: millis
        }
      })
    )
  )
}

const embedded = (options: DatabaseOptions, timeout: Duration.Duration) =>
  Layer.unwrap(
    Effect.map(EmbeddedDatabase.make(options.dataDir), ({ run, socketPath }) =>
      Layer.effect(Database, make("embedded", run, timeout)).pipe(
        Layer.provideMerge(
          client("DATA_DIR", {
            path: socketPath,
            username: "postgres",
            database: "postgres",
            ssl: false,
            maxConnections: 1
          })
        )
      )
    )
  )

/** The database that the options ask for, reachable, its schema not looked at. */
export const layer = (options: DatabaseOptions) => {
  const timeout = Duration.fromInputUnsafe(options.timeout)
  return options.url === undefined ? embedded(options, timeout) : server(options.url, options, timeout)
}
