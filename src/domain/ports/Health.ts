/**
 * Whether this process can do its work, as a list of named checks. What is checked is decided where the
 * resources are built; edges only ask and show.
 */
import { Context, Duration, Effect, Schema } from "effect"

/** `degraded`: it works, but not all of it or not well; traffic still belongs here. `down`: it does not. */
export const HealthStatus = Schema.Literals(["up", "degraded", "down"])
export type HealthStatus = typeof HealthStatus.Type

export interface Finding {
  readonly status: HealthStatus
  /** One line for an operator. It is shown without authentication: no addresses, no credentials, no SQL. */
  readonly detail?: string | undefined
}

export interface HealthCheck {
  readonly name: string
  /** Interrupted past the deadline of `report`, and then `down`. */
  readonly run: Effect.Effect<Finding>
}

export class Health extends Context.Service<Health, { readonly checks: ReadonlyArray<HealthCheck> }>()(
  "messaging-service/domain/ports/Health"
) {}

export const HealthReport = Schema.Struct({
  /** The worst of all checks. */
  status: HealthStatus,
  checks: Schema.Array(
    Schema.Struct({ name: Schema.String, status: HealthStatus, detail: Schema.optionalKey(Schema.String) })
  )
}).annotate({ identifier: "HealthReport" })
export type HealthReport = typeof HealthReport.Type

const DEADLINE = Duration.seconds(2)

const badness = { up: 0, degraded: 1, down: 2 } as const

const worst = (a: HealthStatus, b: HealthStatus): HealthStatus => (badness[b] > badness[a] ? b : a)

const find = ({ name, run }: HealthCheck) =>
  run.pipe(
    Effect.timeoutOrElse({
      duration: DEADLINE,
      orElse: () => Effect.succeed<Finding>({ status: "down", detail: "does not answer" })
    }),
    Effect.catchCause((cause) =>
      Effect.as(Effect.logError(`The health check ${name} failed`, cause), {
        status: "down" as const,
        detail: "failed"
      })
    ),
    Effect.map(({ detail, status }) => ({ name, status, ...(detail === undefined ? {} : { detail }) }))
  )

/** Runs all checks at once. Takes 2 seconds at the most, and never fails. */
export const report = (checks: ReadonlyArray<HealthCheck>): Effect.Effect<HealthReport> =>
  Effect.map(Effect.forEach(checks, find, { concurrency: "unbounded" }), (found) => ({
    status: found.reduce<HealthStatus>((status, check) => worst(status, check.status), "up"),
    checks: found
  }))
