/**
 * What happens around every HTTP request, whatever it asks for: its id, its limits, its log entry and metrics,
 * and that whatever goes wrong is answered with a problem document and nothing more.
 */
import type { RequestListener } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { ByteSize, type Cause, Clock, Context, Effect, Layer, Metric, type Scope } from "effect"
import {
  HttpIncomingMessage,
  HttpMiddleware,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import type { IpNetwork } from "effect/net"
import * as ClientAddress from "../ClientAddress.ts"
import * as Cors from "./Cors.ts"
import { answerFailure, asProblem, isAbandoned } from "./Failures.ts"
import * as RequestId from "./RequestId.ts"
import * as Routes from "./Routes.ts"
import { withSecurityHeaders } from "./SecurityHeaders.ts"

export interface HttpEdgeOptions {
  /** A larger request body is answered with 413, and not read further. */
  readonly maxBodyBytes: number
  /** Origins whose pages may read our answers, as for sockets. Default: none but our own. */
  readonly allowedOrigins?: ReadonlyArray<string>
  /** Whose `X-Forwarded-For` is believed. Default: nobody's. */
  readonly trustedProxies?: ReadonlyArray<IpNetwork.IpNetwork>
}

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

const requests = Metric.counter("http_requests_total", {
  description: "HTTP requests answered, by method and status",
  incremental: true
})
const durations = Metric.histogram("http_request_duration_ms", {
  description: "From the head of a request to its answer",
  boundaries: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000]
})

const pathOf = (request: Request): string => request.url.split("?", 1)[0] ?? ""

/** Probes, scrapes and files say nothing new. */
const isRoutine = (path: string): boolean =>
  path.startsWith("/health") || path.startsWith("/assets/") || path === "/metrics"

const observe = Effect.fnUntraced(function* (request: Request, response: Response, startedAt: number) {
  const took = (yield* Clock.currentTimeMillis) - startedAt
  // A query may hold what no log should.
  const path = pathOf(request)
  const attributes = { method: request.method, status: String(response.status) }
  yield* Metric.update(Metric.withAttributes(requests, attributes), 1)
  yield* Metric.update(durations, took)
  const log = isRoutine(path) ? Effect.logDebug : Effect.logInfo
  yield* log(`${request.method} ${path} ${response.status} in ${took} ms`)
})

const around = (
  app: Effect.Effect<Response, unknown, Request | Scope.Scope>,
  allowed: Routes.AllowedMethods["Service"],
  { allowedOrigins = [], maxBodyBytes, trustedProxies = [] }: HttpEdgeOptions
): Effect.Effect<Response, never, Request | Scope.Scope> => {
  const bodyLimit = ByteSize.bytes(maxBodyBytes)
  const addressOf = ClientAddress.make(trustedProxies)
  const cors = Cors.make(allowedOrigins)
  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const startedAt = yield* Clock.currentTimeMillis
    const id = RequestId.choose(request.headers[RequestId.HEADER])
    const answer = (cause: Cause.Cause<unknown>) =>
      isAbandoned(cause) ? Effect.failCause(cause) : answerFailure(cause, { request, allowed, maxBodyBytes })
    const preflight = cors.preflight(request)
    const address = addressOf(NodeHttpServerRequest.toIncomingMessage(request))
    const response = yield* (preflight === undefined ? app : Effect.succeed(preflight)).pipe(
      Effect.flatMap(asProblem),
      Effect.catchCause(answer),
      Effect.tap((response) => observe(request, response, startedAt)),
      Effect.provideService(RequestId.RequestId, id),
      Effect.provideService(ClientAddress.ClientAddress, address),
      Effect.provideService(HttpIncomingMessage.MaxBodySize, bodyLimit),
      Effect.annotateLogs("request_id", id)
    )
    return HttpServerResponse.setHeader(
      withSecurityHeaders(cors.allow(request, response)),
      RequestId.HEADER,
      id
    )
  })
}

/**
 * Builds the routes, and answers the listener for a Node server's `request` event. When the scope closes, the
 * requests in flight are interrupted and answered with 503.
 */
export const listener = <E, R>(routes: Layer.Layer<never, E, R>, options: HttpEdgeOptions) =>
  Effect.gen(function* () {
    const built = yield* Layer.build(Layer.provideMerge(routes, Routes.layer))
    const router = Context.get(built, HttpRouter.HttpRouter)
    const app = around(router.asHttpEffect(), Context.get(built, Routes.AllowedMethods), options)
    const listen: RequestListener = yield* NodeHttpServer.makeHandler(app, { scope: yield* Effect.scope })
    return listen
  }).pipe(
    Effect.provideService(HttpMiddleware.TracerDisabledWhen, (request) => isRoutine(pathOf(request))),
    Effect.provide(NodeHttpServer.layerHttpServices)
  )
