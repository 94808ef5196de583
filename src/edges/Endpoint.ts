/**
 * The HTTP server: one port for REST, pages and the WebSocket upgrade. It starts last and stops first; what
 * stands behind its paths is not its business.
 */
import type { Server } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Context, Effect, Schema } from "effect"
import { refuse } from "./websocket/Refuse.ts"
import { type UpgradeHandler, PATH as WEBSOCKET_PATH } from "./websocket/SocketRoute.ts"

/** The address cannot be listened on. `message` names the variable to change. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  message: Schema.String
}) {}

export interface EndpointOptions {
  readonly host: string
  /** 0 for a free one. */
  readonly port: number
  readonly onRequest: Parameters<Server["on"]>[1] & ((...args: ReadonlyArray<never>) => void)
  readonly onUpgrade: UpgradeHandler
  /** Runs before the server stops listening: sockets leave in good order. */
  readonly drain: Effect.Effect<void>
}

/** Slow clients are cut off: headers within this many milliseconds, the whole request within the next. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 60_000
const MAX_HEADER_BYTES = 16 * 1024

export class BoundPort extends Context.Service<BoundPort, { current: number | undefined }>()(
  "messaging-service/edges/BoundPort"
) {}

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

/** Listens as long as the scope is open; answers the bound port. */
export const listen = Effect.fnUntraced(function* (options: EndpointOptions) {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true
  })
  server.on("request", options.onRequest)
  server.on("upgrade", (request, socket, head) => {
    const path = (request.url ?? "").split("?", 1)[0]
    if (path === WEBSOCKET_PATH) options.onUpgrade(request, socket, head)
    else refuse(socket, "-", { status: 404, reason: "not_found" })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void, ListenFailed>((resume) => {
      const onError = (error: NodeJS.ErrnoException) =>
        resume(Effect.fail(new ListenFailed({ message: explain(error, options) })))
      server.once("error", onError)
      server.listen(options.port, options.host, () => {
        server.off("error", onError)
        resume(Effect.void)
      })
    }),
    () =>
      options.drain.pipe(
        Effect.andThen(
          Effect.callback<void>((resume) => {
            server.close(() => resume(Effect.void))
            server.closeAllConnections()
          })
        )
      )
  )
  return (server.address() as AddressInfo).port
})
