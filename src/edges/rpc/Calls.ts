/**
 * What happens around every call, whatever it asks for: who calls, the bound on calls under way, its log entry and
 * metrics. The causes of outages and the defects of handlers go to the log here; they do not leave this service.
 */
import { Cause, Clock, Effect, Exit, Layer, Metric } from "effect"
import { type Rpc, RpcSchema } from "effect/rpc"
import { Overloaded, type Refusal } from "../../domain/Errors.ts"
import { toWire } from "../../domain/Refusal.ts"
import { Authentication, CurrentCaller } from "../../rpc/Authentication.ts"
import { Connection } from "./Connection.ts"

const calls = Metric.counter("rpc_calls_total", {
  description: "RPC calls answered and streams ended, by operation and outcome",
  incremental: true
})
const durations = Metric.histogram("rpc_call_duration_ms", {
  description: "From an RPC call to its answer; streams are not counted",
  boundaries: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000]
})

export interface CallOptions {
  /** Calls under way on one connection; past it they are refused. */
  readonly maxRpcCalls: number
}

const overloaded = new Overloaded({ what: "calls" })

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "ok"
  const failure = Cause.findErrorOption(exit.cause)
  if (failure._tag === "None") return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "internal"
  const { _tag } = failure.value as { readonly _tag: string }
  return _tag === "StreamEnded" ? "stream_ended" : toWire(failure.value as Refusal).reason
}

const note = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return Effect.void
  const failure = Cause.findErrorOption(exit.cause)
  if (failure._tag === "None") return Effect.logError("An RPC call failed", exit.cause)
  const refusal = failure.value as Refusal
  return refusal._tag === "Unavailable"
    ? Effect.logWarning(
        `Unavailable: ${refusal.what}`,
        ...(refusal.cause === undefined ? [] : [refusal.cause])
      )
    : Effect.void
}

export const layer = ({ maxRpcCalls }: CallOptions) => {
  const observed = Effect.fnUntraced(function* (
    rpc: Rpc.AnyWithProps,
    startedAt: number,
    exit: Exit.Exit<unknown, unknown>
  ) {
    yield* note(exit)
    const outcome = outcomeOf(exit)
    yield* Metric.update(Metric.withAttributes(calls, { operation: rpc._tag, outcome }), 1)
    const took = (yield* Clock.currentTimeMillis) - startedAt
    if (!RpcSchema.isStreamSchema(rpc.successSchema)) yield* Metric.update(durations, took)
    yield* Effect.logDebug(`RPC ${rpc._tag} ${outcome} in ${took} ms`)
  })

  /** Streams are bounded by their session. */
  const bounded = <A, E, R>(
    connection: Connection,
    { successSchema }: Rpc.AnyWithProps,
    work: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Overloaded, R> =>
    Effect.suspend((): Effect.Effect<A, E | Overloaded, R> => {
      if (RpcSchema.isStreamSchema(successSchema)) return work
      if (connection.underWay >= maxRpcCalls) return Effect.fail(overloaded)
      connection.underWay++
      return Effect.ensuring(
        work,
        Effect.sync(() => connection.underWay--)
      )
    })

  return Layer.succeed(
    Authentication,
    Authentication.of((handler, { rpc }) =>
      Effect.flatMap(Effect.all([Connection, Clock.currentTimeMillis]), ([connection, startedAt]) => {
        const work = Effect.flatMap(connection.identify, (caller) =>
          Effect.provideService(handler, CurrentCaller, caller)
        )
        return Effect.onExit(bounded(connection, rpc, work), (exit) => observed(rpc, startedAt, exit))
      })
    )
  )
}
