/**
 * Fills a database and times what is read from it, to see that nothing grows with the data.
 *
 *   node bench/fill.ts                                   a million messages in one conversation, 100,000 conversations
 *   node bench/fill.ts --messages 1000 --conversations 100
 *   DATABASE_URL=postgres://… node bench/fill.ts         an empty database of yours, which stays; else a temporary server
 */
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Database from "../src/layers/database/Database.ts"
import { migrate } from "../src/layers/database/Migrations.ts"
import { BenchFailed } from "./support/BenchFailed.ts"
import { fill } from "./support/fill.ts"
import { postgresBinaries, temporaryPostgres } from "./support/postgres.ts"
import { type Read, reads } from "./support/reads.ts"

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000000" },
    conversations: { type: "string", default: "100000" }
  }
})
const messages = Number(values.messages)
const conversations = Number(values.conversations)

const ROUNDS = 20

/** Milliseconds in the database, the median of some rounds; nothing stays of what a statement changes. */
const timeOf = Effect.fnUntraced(function* ({ parameters, text }: Read) {
  const sql = yield* SqlClient
  const times: Array<number> = []
  for (let round = 0; round < ROUNDS; round++) {
    const rows = yield* Effect.flatMap(sql.unsafe("BEGIN"), () =>
      sql.unsafe<{ "QUERY PLAN": ReadonlyArray<{ readonly "Execution Time": number }> }>(
        `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
        parameters
      )
    ).pipe(Effect.ensuring(Effect.ignore(sql.unsafe("ROLLBACK"))))
    times.push(rows[0]!["QUERY PLAN"][0]!["Execution Time"])
  }
  return times.sort((a, b) => a - b)[ROUNDS / 2]!
})

const measure = Effect.gen(function* () {
  const started = performance.now()
  yield* fill({ messages, conversations })
  yield* Console.log(
    `${messages} messages in one conversation, ${conversations} conversations: ${Math.round((performance.now() - started) / 1000)} s`
  )
  for (const read of reads(messages)) {
    yield* Console.log(`${(yield* timeOf(read)).toFixed(2).padStart(10)} ms  ${read.name}`)
  }
})

const over = (url: string) =>
  Layer.effectDiscard(migrate).pipe(
    Layer.provideMerge(
      // One connection, for a transaction around each read.
      Database.layer({ url: Redacted.make(url), dataDir: "", maxConnections: 1, timeout: "1 hour" })
    )
  )

const program = Effect.gen(function* () {
  if (
    !Number.isSafeInteger(messages) ||
    !Number.isSafeInteger(conversations) ||
    messages < 1 ||
    conversations < 1
  ) {
    return yield* new BenchFailed({ message: "--messages and --conversations are whole numbers from 1" })
  }
  const given = process.env.DATABASE_URL
  const binaries = postgresBinaries()
  if (given === undefined && binaries === undefined) {
    return yield* new BenchFailed({ message: "no Postgres on this machine, and no DATABASE_URL" })
  }
  const url = given ?? (yield* temporaryPostgres(binaries!))
  yield* Effect.provide(measure, over(url))
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
