/** What every scenario gets and gives. */
import type { Effect, Scope } from "effect"
import type { Contender } from "../contenders/Contender.ts"
import type { BenchFailed } from "../support/BenchFailed.ts"
import type { Table } from "../support/table.ts"

export interface Selection {
  /** The floor first, if it takes part. */
  readonly references: ReadonlyArray<Contender>
  /** The service on each database that takes part. */
  readonly services: ReadonlyArray<Contender>
  /** Short windows: a look, not a measurement. */
  readonly quick: boolean
}

export interface Report {
  readonly table: Table
  /** The figures behind the table. */
  readonly data: unknown
}

export type Scenario = (selection: Selection) => Effect.Effect<Report, BenchFailed, Scope.Scope>
