/**
 * What every query goes through: a deadline that holds even when the database has fallen silent, pauses between
 * attempts to reach a lost one, and the one translation of `SqlError` into what the rest of the service knows. And a
 * line, in which queries wait for a connection so that some are left for commits: a thousand clients that come at once
 * ask thousands of questions, and messages go on meanwhile.
 * No SQL text and no row leaves here, neither in an error nor in the log.
 */
import { Cause, Clock, Data, Duration, Effect, Exit, identity, Scope, Semaphore } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { Unavailable } from "../../domain/Errors.ts"
import { describe, isRejection } from "./SqlFailure.ts"

/** The database understood the query and will never accept it: its data breaks a rule. Retrying cannot help. */
export class QueryRejected extends Data.TaggedError("QueryRejected")<{
  readonly cause: SqlError
}> {}

/** No answer came: the deadline passed, or the pool dropped the connection that the query waited for. */
class Unanswered extends Data.TaggedError("Unanswered")<{ readonly why: "deadline" | "dropped" }> {}

export type Query<A, R> = Effect.Effect<A, SqlError, R>

export interface QueryGuard {
  /** Runs a query, when its turn has come. `what` names the operation in the log. */
  readonly run: <A, R>(what: string, query: Query<A, R>) => Effect.Effect<A, Unavailable, R>
  /**
   * Like `run`, for the loops that commit what many wait for: nothing stands before it, and the caller can tell which
   * of its input broke a rule.
   */
  readonly attempt: <A, R>(
    what: string,
    query: Query<A, R>
  ) => Effect.Effect<A, Unavailable | QueryRejected, R>
}

/** Pauses between attempts to reach a lost server: from 100 ms up to 5 s, each cut randomly by up to a half. */
const backoffMillis = (failures: number): number =>
  Math.min(5000, 100 * 2 ** Math.min(failures - 1, 10)) * (0.5 + Math.random() / 2)

/** Connections that are left for commits, where there are so many. */
const FOR_COMMITS = 2

export interface QueryGuardOptions {
  /** Past it a query is answered `Unavailable`. */
  readonly timeout: Duration.Duration
  readonly connections: number
  /** Whether the database ends a statement on request. One that does not runs out there, whoever has given it up. */
  readonly isCancellable: boolean
}

export const make = Effect.fnUntraced(function* ({ connections, isCancellable, timeout }: QueryGuardOptions) {
  const scope = yield* Scope.Scope
  const clock = yield* Clock.Clock
  const timeoutMillis = Duration.toMillis(timeout)
  const unavailable = new Unavailable({ what: "database" })
  const line = Semaphore.makeUnsafe(Math.max(1, connections - FOR_COMMITS))

  // While the server cannot be reached, only one query in a while tries; the others are answered at once.
  let closedUntil = 0
  let unreachable = 0
  // An outage fails thousands of queries and is one event: its beginning and its end are logged.
  let isTroubled = false

  const onTrouble = (what: string, details: Record<string, unknown>) =>
    Effect.suspend(() => {
      const log = isTroubled ? Effect.logDebug : Effect.logWarning
      isTroubled = true
      return Effect.annotateLogs(log("The database fails queries"), { query: what, ...details })
    })

  const onAnswer = Effect.suspend(() => {
    unreachable = 0
    isTroubled = false
    return Effect.logInfo("The database answers again")
  })

  /**
   * Cancelling a query waits for the server's word, which a silent one never sends. So a query past its deadline is
   * answered at once, and goes on being cancelled in the background until its connection is dropped. A query may also
   * end as interrupted that nobody gave up: the pool does that to those who wait for a connection that was dropped.
   */
  const within = <A, R>(query: Query<A, R>): Effect.Effect<A, SqlError | Unanswered, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkIn(Effect.interruptible(query), scope, { startImmediately: true }), (fiber) =>
        restore(
          Effect.callback<A, SqlError | Unanswered>((resume) => {
            const giveUp = () => fiber.interruptUnsafe()
            const timer = setTimeout(() => {
              giveUp()
              resume(Effect.fail(new Unanswered({ why: "deadline" })))
            }, timeoutMillis)
            fiber.addObserver((exit) => {
              clearTimeout(timer)
              const dropped = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
              resume(dropped ? Effect.fail(new Unanswered({ why: "dropped" })) : exit)
            })
            return Effect.sync(() => {
              clearTimeout(timer)
              giveUp()
            })
          })
        )
      )
    )

  const translate = (
    what: string,
    error: SqlError | Unanswered
  ): Effect.Effect<never, Unavailable | QueryRejected> => {
    if (error._tag === "Unanswered") {
      return Effect.andThen(onTrouble(what, { message: error.why, timeoutMillis }), Effect.fail(unavailable))
    }
    if (isRejection(error)) return Effect.fail(new QueryRejected({ cause: error }))
    if (error.reason._tag === "ConnectionError" && error.reason.operation === "connect") {
      closedUntil = clock.currentTimeMillisUnsafe() + backoffMillis(++unreachable)
    }
    return Effect.andThen(onTrouble(what, describe(error)), Effect.fail(unavailable))
  }

  // Cancelled in vain a connection answers nobody for 5 seconds, and is given up then; waited for it is free soon.
  const begun: <A, R>(query: Query<A, R>) => Query<A, R> = isCancellable ? identity : Effect.uninterruptible

  const ask: QueryGuard["attempt"] = (what, query) =>
    Effect.suspend(() =>
      clock.currentTimeMillisUnsafe() < closedUntil
        ? Effect.fail(unavailable)
        : within(query).pipe(
            Effect.tap(() => (isTroubled ? onAnswer : Effect.void)),
            Effect.catch((error) => translate(what, error))
          )
    )

  const attempt: QueryGuard["attempt"] = (what, query) => ask(what, begun(query))

  const run: QueryGuard["run"] = (what, query) =>
    // In line within the deadline: a query that waits too long for its turn has waited too long.
    Effect.catchTag(ask(what, line.withPermit(begun(query))), "QueryRejected", (error) =>
      Effect.logError("The database rejected a query").pipe(
        Effect.annotateLogs({ query: what, ...describe(error.cause) }),
        Effect.andThen(Effect.fail(unavailable))
      )
    )

  const self: QueryGuard = { run, attempt }
  return self
})
