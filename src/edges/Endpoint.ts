/**
 * The HTTP server: one port for REST, pages, long-poll and the WebSocket upgrade. It starts last and stops first; what stands
 * behind its paths is not its business.
 */
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { Duration, Effect, Schema } from "effect"
import { newId } from "../domain/TimeOrderedId.ts"
import { PATH as LONG_POLL_PATH } from "./longpoll/LongPollRoute.ts"
import { refuse, refuseRequest } from "./websocket/Refuse.ts"
import { PATH as WEBSOCKET_PATH } from "./websocket/SocketRoute.ts"
import { NOT_AN_UPGRADE, type UpgradeHandler } from "./websocket/Upgrades.ts"

/** The address cannot be listened on. `message` names the variable to change. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  message: Schema.String
}) {}

export interface EndpointOptions {
  readonly host: string
  /** 0 for a free one. */
  readonly port: number
  /** Whether other processes may listen on the port, too. */
  readonly sharedPort: boolean
  /** Slow clients are cut off: a request's head must be here within this long, */
  readonly headersTimeout: Duration.Duration
  /** and the whole of it within this long. */
  readonly requestTimeout: Duration.Duration
  readonly onRequest: RequestListener
  readonly onLongPoll: RequestListener
  /** Upgrades to WebSockets, by path. */
  readonly upgrades: Readonly<Record<string, UpgradeHandler>>
  /** What arrives and is no HTTP request. */
  readonly onClientError: (error: NodeJS.ErrnoException, socket: Duplex) => void
}

/** A server that listens. */
export interface Listening {
  readonly port: number
  /** Fails when the server breaks while it runs; never ends otherwise. */
  readonly broken: Effect.Effect<never, ListenFailed>
}

/** Node looks for slow clients this often at the least. */
const CONNECTIONS_CHECK_MS = 5_000
const MAX_HEADER_BYTES = 16 * 1024
/**
 * Connections that the kernel holds for us until we take them, as far as it allows (`somaxconn`, 4096 on Linux). Node's own
 * 511 are fewer than come at once after a deploy: those beyond are lost, or come again seconds later.
 */
const BACKLOG = 16_384
/** Requests under way at a shutdown have this long. */
const CLOSE_GRACE = "5 seconds"

const pathOf = (request: IncomingMessage): string => (request.url ?? "").split("?", 1)[0] ?? ""

const explain = (error: NodeJS.ErrnoException, { host, port }: EndpointOptions): string => {
  switch (error.code) {
    case "EADDRINUSE":
      return `PORT ${port} on ${host} is taken by another process: stop that one, or set PORT to another port (0 picks a free one)`
    case "EACCES":
      return `PORT ${port} needs more rights than this process has: set PORT to 1024 or above`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `HOST ${host} is no address of this machine`
    default:
      return `Cannot listen on ${host}:${port} (HOST, PORT): ${error.message}`
  }
}

/** Ends connections: idle ones at once, busy ones when their request is answered or the grace is over. */
const closeServer = (server: Server): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeIdleConnections()
  }).pipe(
    Effect.timeoutOrElse({
      duration: CLOSE_GRACE,
      orElse: () => Effect.sync(() => server.closeAllConnections())
    })
  )

/** Listens as long as the scope is open. */
export const listen = Effect.fnUntraced(function* (options: EndpointOptions) {
  const headersTimeout = Duration.toMillis(options.headersTimeout)
  const server = createServer({
    headersTimeout,
    requestTimeout: Duration.toMillis(options.requestTimeout),
    connectionsCheckingInterval: Math.min(CONNECTIONS_CHECK_MS, headersTimeout / 2),
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true
  })
  server.on("request", (request, response) => {
    const path = pathOf(request)
    if (path === LONG_POLL_PATH) options.onLongPoll(request, response)
    else if (path === WEBSOCKET_PATH) refuseRequest(response, newId(), NOT_AN_UPGRADE)
    else options.onRequest(request, response)
  })
  server.on("upgrade", (request, socket, head) => {
    // Node takes its own listener away from an upgraded socket; a reset without one would end the process.
    socket.on("error", () => socket.destroy())
    const path = pathOf(request)
    const upgrade = Object.hasOwn(options.upgrades, path) ? options.upgrades[path] : undefined
    if (upgrade !== undefined) upgrade(request, socket, head)
    else refuse(socket, newId(), { status: 404, reason: "not_found" })
  })
  server.on("clientError", options.onClientError)
  const failed = (error: NodeJS.ErrnoException) => new ListenFailed({ message: explain(error, options) })
  yield* Effect.acquireRelease(
    Effect.callback<void, ListenFailed>((resume) => {
      const onError = (error: NodeJS.ErrnoException) => resume(Effect.fail(failed(error)))
      server.once("error", onError)
      const { host, port, sharedPort: reusePort } = options
      server.listen({ port, host, reusePort, backlog: BACKLOG }, () => {
        server.off("error", onError)
        resume(Effect.void)
      })
    }),
    () => closeServer(server)
  )
  const broken = Effect.callback<never, ListenFailed>((resume) => {
    const onError = (error: NodeJS.ErrnoException) => resume(Effect.fail(failed(error)))
    server.once("error", onError)
    return Effect.sync(() => server.off("error", onError))
  })
  return { port: (server.address() as AddressInfo).port, broken } satisfies Listening
})
