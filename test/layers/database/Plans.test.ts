/** Reads stay on their indexes, whatever there is: their plans, over a database with some of everything in it. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { fill } from "../../../bench/support/fill.ts"
import { reads } from "../../../bench/support/reads.ts"
import * as Databases from "../../contract/Databases.ts"

const MESSAGES = 5_000

const filled = <A, E, R>(database: Layer.Layer<SqlClient | A, E, R>) =>
  Layer.effectDiscard(fill({ messages: MESSAGES, conversations: 500 })).pipe(
    Layer.provideMerge(database),
    Layer.provide(Databases.quiet)
  )

const databases = {
  "a Postgres server": filled(Databases.server),
  "the embedded database": filled(Databases.embedded)
}

interface Plan {
  readonly "Node Type": string
  readonly "Index Name"?: string
  readonly "Relation Name"?: string
  readonly Plans?: ReadonlyArray<Plan>
}

const nodesOf = (plan: Plan): ReadonlyArray<Plan> => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

for (const [name, database] of Object.entries(databases)) {
  layer(database, { excludeTestServices: true, timeout: "120 seconds" })(`Plans on ${name}`, (it) => {
    for (const read of reads(MESSAGES)) {
      it.effect(`${read.name}: goes by an index, and reads no table as a whole`, () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient
          const [row] = yield* sql.unsafe<{ "QUERY PLAN": ReadonlyArray<{ Plan: Plan }> }>(
            `EXPLAIN (FORMAT JSON) ${read.text}`,
            read.parameters
          )
          const nodes = nodesOf(row!["QUERY PLAN"][0]!.Plan)
          const whole = nodes.filter((node) => node["Node Type"] === "Seq Scan")
          assert.deepStrictEqual(
            whole.map((node) => node["Relation Name"]),
            []
          )
          assert.includeMembers(
            nodes.map((node) => node["Index Name"] ?? ""),
            [...read.indexes]
          )
          // An index that is read from one end to the other is no help.
          const rows = yield* sql.unsafe(read.text, read.parameters)
          assert.isNotEmpty(rows)
        })
      )
    }
  })
}
