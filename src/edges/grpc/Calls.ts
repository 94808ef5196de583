/**
 * What happens around every gRPC call, whatever it asks for: its request id, who calls and how much, its deadline, the
 * bound on calls under way, its span, log entry and metrics, and that it is answered whatever goes wrong. A call that its caller gives
 * up, or whose deadline is over, is interrupted.
 */
import { type handleUnaryCall, Metadata, type StatusObject, status } from "@grpc/grpc-js"
import { Clock, type Duration, Effect, Exit, FiberSet, Metric, Option } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import { type InvalidInput, Overloaded, type Refusal } from "../../domain/Errors.ts"
import type { Peer } from "../../domain/PeerCommands.ts"
import { choose, HEADER as REQUEST_ID } from "../rest/RequestId.ts"
import * as Authentication from "./Authentication.ts"
import * as PeerLimits from "./PeerLimits.ts"
import * as Statuses from "./Statuses.ts"

const calls = Metric.counter("grpc_server_calls_total", {
  description: "gRPC calls answered, by method and status",
  incremental: true
})
const durations = Metric.histogram("grpc_server_call_duration_ms", {
  description: "From a gRPC call to its answer",
  boundaries: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000]
})
const underWay = Metric.gauge("grpc_server_calls_under_way", { description: "gRPC calls not yet answered" })

export interface CallOptions extends Authentication.AuthenticationOptions {
  /** A call without a deadline of its own, or with a later one, is answered by then. */
  readonly timeout: Duration.Duration
  /** Under way at once; past it calls are refused with `RESOURCE_EXHAUSTED`. */
  readonly maxCalls: number
  /** The same for each service. */
  readonly perPeer: PeerLimits.PeerLimitOptions
}

export type Answer<Response> =
  | { readonly response: Response }
  | { readonly response: null; readonly refused: StatusObject }

export interface Method<Request, Response> {
  readonly decode: (input: unknown) => Effect.Effect<Request, InvalidInput>
  readonly handle: (request: Request, peer: Peer) => Effect.Effect<Response, Refusal>
}

const overloaded = new Overloaded({ what: "gRPC calls" })

const refuse = (refused: StatusObject) => ({ response: null, refused }) as const

/** The cause of an outage is told to the log, and to nobody else. */
const note = (refusal: Refusal): Effect.Effect<void> =>
  refusal._tag === "Unavailable"
    ? Effect.logWarning(
        `Unavailable: ${refusal.what}`,
        ...(refusal.cause === undefined ? [] : [refusal.cause])
      )
    : Effect.void

const observe = Effect.fnUntraced(function* (path: string, code: status, startedAt: number) {
  const took = (yield* Clock.currentTimeMillis) - startedAt
  yield* Metric.update(Metric.withAttributes(calls, { method: path, status: status[code] }), 1)
  yield* Metric.update(durations, took)
  yield* Effect.logInfo(`gRPC ${path} ${status[code]} in ${took} ms`)
})

const spanOptions = (metadata: Metadata) => {
  const parent = HttpTraceContext.fromHeaders(Headers.fromInput(metadata.toHttp2Headers() as Headers.Input))
  return { kind: "server", ...(Option.isSome(parent) ? { parent: parent.value } : {}) } as const
}

export const make = Effect.fnUntraced(function* (options: CallOptions) {
  const run = yield* FiberSet.makeRuntime<never>()
  const authenticate = yield* Authentication.make(options)
  const within = yield* PeerLimits.make(options.perPeer)
  let count = 0

  const counted = (change: 1 | -1) => {
    count += change
    return Metric.update(underWay, count)
  }

  const answer = <Response>(work: Effect.Effect<Response, Refusal>): Effect.Effect<Answer<Response>> =>
    work.pipe(
      Effect.map((response) => ({ response })),
      Effect.tapError(note),
      Effect.catch((refusal) => Effect.succeed(refuse(Statuses.ofRefusal(refusal)))),
      Effect.tapDefect((defect) => Effect.logError("A gRPC call failed", defect)),
      Effect.timeoutOrElse({
        duration: options.timeout,
        orElse: () => Effect.succeed(refuse(Statuses.timedOut()))
      })
    )

  /** The handler of one method, as the gRPC server takes it. */
  const unary =
    <Request, Response>({ decode, handle }: Method<Request, Response>): handleUnaryCall<unknown, Response> =>
    (call, callback) => {
      const path = call.getPath()
      const requestId = choose(call.metadata.get(REQUEST_ID)[0]?.toString())
      const head = new Metadata()
      head.set(REQUEST_ID, requestId)
      call.sendMetadata(head)
      if (count >= options.maxCalls) {
        const refused = Statuses.ofRefusal(overloaded)
        run(
          Effect.flatMap(Clock.currentTimeMillis, (now) => observe(path, refused.code, now)).pipe(
            Effect.annotateLogs("request_id", requestId)
          )
        )
        return callback(refused)
      }

      const work = Effect.gen(function* () {
        yield* counted(1)
        const startedAt = yield* Clock.currentTimeMillis
        const asked = Effect.gen(function* () {
          const peer = yield* authenticate(call)
          const work = Effect.flatMap(decode(call.request), (request) => handle(request, peer))
          return yield* within(peer, work).pipe(Effect.annotateLogs("peer", peer.name))
        })
        const answered = yield* answer(asked).pipe(
          Effect.onInterrupt(() => observe(path, status.CANCELLED, startedAt))
        )
        yield* observe(path, "refused" in answered ? answered.refused.code : status.OK, startedAt)
        return answered
      }).pipe(
        Effect.ensuring(Effect.suspend(() => counted(-1))),
        Effect.withSpan(path, spanOptions(call.metadata)),
        Effect.annotateLogs("request_id", requestId)
      )

      const fiber = run(work)
      fiber.addObserver((exit) => {
        if (Exit.isFailure(exit)) return callback(Statuses.ofCause(exit.cause))
        const answered = exit.value
        if ("refused" in answered) callback(answered.refused)
        else callback(null, answered.response)
      })
      call.on("cancelled", () => fiber.interruptUnsafe())
    }

  return { unary }
})
