/**
 * The two databases that every storage suite runs on: a real Postgres server and the embedded one, each migrated and
 * empty.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Logger, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Database from "../../src/layers/database/Database.ts"
import { migrate } from "../../src/layers/database/Migrations.ts"
import * as PgConversationStore from "../../src/layers/stores/PgConversationStore.ts"
import * as PgDraftStore from "../../src/layers/stores/PgDraftStore.ts"
import * as PgMessageStore from "../../src/layers/stores/PgMessageStore.ts"
import * as PgMessageWriter from "../../src/layers/stores/PgMessageWriter.ts"
import * as PgRetentionStore from "../../src/layers/stores/PgRetentionStore.ts"
import * as PgScheduleStore from "../../src/layers/stores/PgScheduleStore.ts"
import * as PgStatusStore from "../../src/layers/stores/PgStatusStore.ts"
import * as PgWorkLeases from "../../src/layers/stores/PgWorkLeases.ts"
import * as MadeDirectory from "../support/MadeDirectory.ts"
import * as Poll from "../support/Poll.ts"
import * as PostgresServer from "../support/PostgresServer.ts"

/** Outages are logged; in these suites they are meant. */
export const quiet = Logger.layer([])

/** No database here is away unless a test says so, and then it says what is waited for: a busy machine is no outage. */
const defaults = { url: undefined, dataDir: "", maxConnections: 4, timeout: "1 minute" } as const

const migrated = (database: ReturnType<typeof Database.layer>) =>
  Layer.effectDiscard(migrate).pipe(Layer.provideMerge(database))

/** A migrated database on a Postgres server that is there already. */
export const at = (url: string, options: Partial<Database.DatabaseOptions> = {}) =>
  migrated(Database.layer({ ...defaults, url: Redacted.make(url), ...options }))

/** A fresh, migrated database on a Postgres server of its own. */
export const server = Layer.unwrap(Effect.map(PostgresServer.PostgresServer, ({ url }) => at(url))).pipe(
  Layer.provideMerge(PostgresServer.layer({ fsync: false }))
)

/** The embedded database of a directory, migrated. */
export const over = (directory: string, options: Partial<Database.DatabaseOptions> = {}) =>
  migrated(Database.layer({ ...defaults, dataDir: directory, ...options }))

/** A fresh, migrated embedded database. */
export const embedded = Layer.unwrap(Effect.map(MadeDirectory.make(), (directory) => over(directory)))

/** A bare client of the embedded database that listens there. */
export const clientOf = (socketPath: string) =>
  Effect.map(
    Layer.build(
      PgClient.layer({
        path: socketPath,
        username: "postgres",
        database: "postgres",
        ssl: false,
        maxConnections: 1
      })
    ),
    Context.get(SqlClient)
  )

/** Of one page of messages. */
export const maxPageBytes = 1024 * 1024

const limits = { capacity: 20_000, maxBatch: 500 }

/** Writer and stores over a database, their loops not running. */
export const stores = Layer.mergeAll(
  PgMessageWriter.layer(limits),
  PgMessageStore.layer({ maxPageBytes }),
  PgConversationStore.layer({ ...limits, maxTimed: 3 }),
  PgDraftStore.layer,
  PgRetentionStore.layer,
  PgScheduleStore.layer,
  PgStatusStore.layer,
  PgWorkLeases.layer({ duration: "15 seconds" })
)

/** The loops, run as the supervision tree would. */
export const loops = Layer.effectDiscard(
  Effect.gen(function* () {
    yield* Effect.forkScoped((yield* PgMessageWriter.MessageWriterLoop).run)
    yield* Effect.forkScoped((yield* PgConversationStore.WatermarkLoop).run)
    yield* Effect.forkScoped((yield* PgConversationStore.DeliveryTimesLoop).run)
  })
)

/** Everything of the storage over a database. */
export const storage = loops.pipe(Layer.provideMerge(stores))

/** Retries until it works, as callers would; fails with the last failure when it does not in time. */
export const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>) => Poll.until(Effect.as(effect, true))
