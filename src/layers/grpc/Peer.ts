/**
 * A peer service that this one calls, and what protects both from each other: at most so many calls at once (the
 * bulkhead), each within a deadline, tried again with jitter where that is harmless, and none at all for a while when
 * the peer has failed again and again (the circuit breaker). What is done without the peer is decided by who calls.
 */
import { type MethodDefinition, type ServiceError, status } from "@grpc/grpc-js"
import { Clock, Data, Duration, Effect, Exit, Metric, Option, Schedule, Semaphore, Stream } from "effect"
import { HttpTraceContext } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import type { Services } from "../../../proto/Contracts.ts"
import { type FILES, load } from "../../../proto/Proto.ts"
import { Unavailable } from "../../domain/Errors.ts"
import type { Finding } from "../../domain/ports/Health.ts"
import * as PeerConnection from "./PeerConnection.ts"

export interface PeerOptions {
  /** `grpc:` or `grpcs:`, host and port. */
  readonly url: URL
  readonly files: PeerConnection.PeerFiles
  /** Of a whole call, further attempts included. */
  readonly timeout: Duration.Duration
  /** Under way at once; past it calls fail at once. */
  readonly maxCalls: number
}

/** For those who tell one refusal from another. */
export const NOT_FOUND = status.NOT_FOUND

/** The peer has answered, and said no. It works; this call does not. */
export class PeerRefused extends Data.TaggedError("PeerRefused")<{
  readonly code: status
  readonly details: string
}> {}

type Method<S extends keyof Services, M extends keyof Services[S]> = Services[S][M] & {
  readonly request: unknown
  readonly response: unknown
}

export interface Peer<S extends keyof Services> {
  /** Of the contract, without its package: `UserService`. */
  readonly id: string
  /** For people: `user service`. */
  readonly name: string
  readonly call: <M extends keyof Services[S] & string>(
    method: M,
    request: Method<S, M>["request"],
    /** Whether it may be tried again when it is not known what became of it. */
    options: { readonly idempotent: boolean }
  ) => Effect.Effect<Method<S, M>["response"], PeerRefused | Unavailable>
  /** Never `down`: without its peers this service does what it can. */
  readonly check: Effect.Effect<Finding>
  /** Keeps the connection open and tells the log of it. The supervision tree runs it. */
  readonly run: Effect.Effect<never>
}

const MAX_RETRIES = 2
const FIRST_RETRY = "50 millis"
const FAILURES_TO_OPEN = 5
const FIRST_OPENING = "1 second"
const LONGEST_OPENING = "30 seconds"

const calls = Metric.counter("grpc_client_calls_total", {
  description: "Calls of peer services, by method and how they ended",
  incremental: true
})
const durations = Metric.histogram("grpc_client_call_duration_ms", {
  description: "Calls of peer services, further attempts included",
  boundaries: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000]
})
const connected = Metric.gauge("grpc_client_connected", {
  description: "1 while a peer service is connected"
})

/** Answers of a peer that works. All others are its failures, or our own that it cannot help. */
const REFUSALS: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.FAILED_PRECONDITION,
  status.ABORTED,
  status.OUT_OF_RANGE
])

const retries = Schedule.min([Schedule.exponential(FIRST_RETRY), Schedule.spaced("1 second")]).pipe(
  Schedule.jittered
)

const openings = Schedule.min([Schedule.exponential(FIRST_OPENING), Schedule.spaced(LONGEST_OPENING)])

type CallFailed = PeerRefused | Unavailable

const outcomeOf = (exit: Exit.Exit<unknown, CallFailed>): "ok" | "refused" | "failed" => {
  if (Exit.isSuccess(exit)) return "ok"
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return error?._tag === "PeerRefused" ? "refused" : "failed"
}

const observe = Effect.fnUntraced(function* (
  attributes: { readonly service: string; readonly method: string },
  exit: Exit.Exit<unknown, CallFailed>,
  startedAt: number
) {
  const outcome = outcomeOf(exit)
  yield* Metric.update(Metric.withAttributes(calls, { ...attributes, outcome }), 1)
  yield* Metric.update(durations, (yield* Clock.currentTimeMillis) - startedAt)
})

export const make = Effect.fnUntraced(function* <S extends keyof Services>(
  service: S,
  file: (typeof FILES)[number],
  name: string,
  options: PeerOptions
) {
  const methods = load(file)[service] as Readonly<Record<string, MethodDefinition<unknown, unknown>>>
  const connection = yield* PeerConnection.open(options.url, options.files)
  const permits = yield* Semaphore.make(options.maxCalls)
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(FAILURES_TO_OPEN),
    openDuration: openings
  }).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))

  const unavailable = (cause: unknown) => new Unavailable({ what: name, cause })

  const toFailure = (error: ServiceError): CallFailed =>
    REFUSALS.has(error.code)
      ? new PeerRefused({ code: error.code, details: error.details })
      : unavailable(error)

  /** As often as it may be, within its deadline. */
  const attempts = Effect.fnUntraced(function* (
    method: MethodDefinition<unknown, unknown>,
    request: unknown,
    idempotent: boolean
  ) {
    const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(options.timeout)
    const headers = yield* Effect.match(Effect.currentSpan, {
      onFailure: () => ({}),
      onSuccess: HttpTraceContext.toHeaders
    })
    return yield* connection.call(method, request, deadline, headers).pipe(
      Effect.retry({
        schedule: retries,
        times: idempotent ? MAX_RETRIES : 0,
        while: ({ code }) => code === status.UNAVAILABLE
      })
    )
  })

  const call = Effect.fn("Peer.call")(function* (method: string, request: unknown, idempotent: boolean) {
    yield* Effect.annotateCurrentSpan({ service, method })
    const startedAt = yield* Clock.currentTimeMillis
    const answer = yield* attempts(methods[method]!, request, idempotent).pipe(
      Effect.mapError(toFailure),
      Effect.timeoutOrElse({
        duration: options.timeout,
        orElse: () => Effect.fail(unavailable("it took too long"))
      }),
      breaker.execute({
        key: name,
        classify: (exit) => (outcomeOf(exit) === "failed" ? CircuitBreaker.failure() : CircuitBreaker.success)
      }),
      Effect.catchTag("CircuitBreakerError", (error) => Effect.fail(unavailable(error))),
      permits.withPermitsIfAvailable(1),
      Effect.flatMap(
        Option.match({
          onNone: () => Effect.fail(unavailable("too many calls are under way")),
          onSome: Effect.succeed
        })
      ),
      Effect.onExit((exit) => observe({ service, method }, exit, startedAt))
    )
    return answer
  })

  const watchConnection = Effect.gen(function* () {
    let isReady: boolean | undefined
    for (;;) {
      const connectivity = connection.connectivity()
      const gauge = Metric.withAttributes(connected, { service })
      yield* Metric.update(gauge, connectivity === "ready" ? 1 : 0)
      if (connectivity === "ready" && isReady !== true) {
        isReady = true
        yield* Effect.logInfo(`Connected with the ${name}`)
      }
      if (connectivity === "unreachable" && isReady !== false) {
        isReady = false
        yield* Effect.logWarning(`The ${name} cannot be reached; connecting goes on`)
      }
      yield* connection.changed(connectivity)
    }
  })

  const watchCircuit = Stream.runForEach(breaker.transitions, (transition) => {
    if (transition.to === "HalfOpen") return Effect.void
    return transition.to === "Open"
      ? Effect.logWarning(
          `The ${name} fails; nothing is asked of it for ${Duration.format(transition.retryAfter)}`
        )
      : Effect.logInfo(`The ${name} answers again`)
  })

  const check = breaker.state(name).pipe(
    Effect.map(({ _tag }): Finding => {
      if (connection.connectivity() === "unreachable") return { status: "degraded", detail: "not reachable" }
      return _tag === "Closed" ? { status: "up" } : { status: "degraded", detail: "fails" }
    }),
    Effect.catchTag("CircuitBreakerError", () => Effect.succeed<Finding>({ status: "degraded" }))
  )

  return {
    id: service.slice(service.indexOf(".") + 1),
    name,
    // Requests and answers have the types of the contract that `methods` was read from.
    call: (method, request, { idempotent }) =>
      call(method, request, idempotent) as Effect.Effect<never, CallFailed>,
    check,
    run: Effect.andThen(
      Effect.all([watchConnection, watchCircuit], { concurrency: "unbounded", discard: true }),
      Effect.never
    )
  } satisfies Peer<S> as Peer<S>
})
