/**
 * The one SQL database: a pool of connections to a Postgres server, or the embedded database, behind the same
 * `SqlClient`. Owns connecting, and telling an operator why it cannot; knows no table.
 *
 * Whoever queries goes through `run` or `attempt` (see `QueryGuard`), so that every query ends in time.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Duration, Effect, Layer, Redacted, Schedule } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { Unavailable } from "../../domain/Errors.ts"
import { DatabaseUnusable } from "./DatabaseUnusable.ts"
import * as EmbeddedDatabase from "./EmbeddedDatabase.ts"
import * as QueryGuard from "./QueryGuard.ts"
import { messageOf, sqlState } from "./SqlFailure.ts"

export interface DatabaseOptions {
  /** A Postgres server. `undefined`: the embedded database under `dataDir`. */
  readonly url: Redacted.Redacted | undefined
  readonly dataDir: string
  /** Connections to a server at the most; the embedded database always has one. */
  readonly maxConnections: number
  /** Past it a query answers `Unavailable`, whatever the database is doing. */
  readonly timeout: Duration.Input
}

export class Database extends Context.Service<
  Database,
  QueryGuard.QueryGuard & {
    readonly kind: "server" | "embedded"
    /** Succeeds when the database answers. */
    readonly ping: Effect.Effect<void, Unavailable>
    /** Keeps the database running where that is our job; the supervision tree runs it. Fails when it cannot. */
    readonly keep: Effect.Effect<never, DatabaseUnusable>
  }
>()("messaging-service/layers/database/Database") {}

/**
 * Session defaults. Every query here is written for an index, but a plan made while a table is small prefers to read
 * the table whole and is then kept for the session; a table that grows by thousands of rows a second makes that
 * ruinous. JIT only ever costs on queries of this size.
 */
export const planSettings = { enable_seqscan: "off", jit: "off" }

/** The embedded database's log: short enough to be read again within a second by a start after a crash. */
const logSettings = { max_wal_size: "16MB", min_wal_size: "8MB" }

const make = Effect.fnUntraced(function* (
  kind: "server" | "embedded",
  keep: Effect.Effect<never, DatabaseUnusable>,
  timeout: Duration.Duration,
  connections: number
) {
  const sql = yield* SqlClient
  const { attempt, run } = yield* QueryGuard.make({ timeout, connections, isCancellable: kind === "server" })
  return Database.of({ kind, run, attempt, ping: run("ping", Effect.asVoid(sql.unsafe("SELECT 1"))), keep })
})

const client = (variable: string, config: PgClient.PgPoolConfig) =>
  PgClient.layerFrom(
    Effect.mapError(
      PgClient.make({ ...config, maxMessageSize: 64 * 1024 * 1024 }),
      (error) => new DatabaseUnusable({ message: `${variable} cannot be used: ${messageOf(error)}` })
    )
  )

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

const server = (url: Redacted.Redacted, options: DatabaseOptions, timeout: Duration.Duration) => {
  const millis = String(Math.ceil(Duration.toMillis(timeout)))
  return Layer.effect(
    Database,
    Effect.andThen(firstContact(url), make("server", Effect.never, timeout, options.maxConnections))
  ).pipe(
    Layer.provideMerge(
      client("DATABASE_URL", {
        url,
        applicationName: "messaging-service",
        maxConnections: options.maxConnections,
        connectTimeout: Duration.min(timeout, Duration.seconds(5)),
        keepAlive: "30 seconds",
        startupParameters: {
          ...planSettings,
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
    Effect.map(
      EmbeddedDatabase.make({ dataDir: options.dataDir, settings: { ...planSettings, ...logSettings } }),
      ({ run, socketPath }) =>
        Layer.effect(Database, make("embedded", run, timeout, 1)).pipe(
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
