/**
 * The gRPC server: one port for MessagingService, health and reflection. What stands behind the methods is not its
 * business, nor who may call them. It drains: calls under way have a moment, new ones are refused.
 */
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from "node:net"
import { logVerbosity, Server, setLogVerbosity } from "@grpc/grpc-js"
import type { ServiceDefinition } from "@grpc/proto-loader"
import { Effect, Schema } from "effect"
import { HealthImplementation } from "grpc-health-check"
import { load } from "../../../proto/Proto.ts"
import { Health, report } from "../../domain/ports/Health.ts"
import type { CallOptions } from "./Calls.ts"
import * as Credentials from "./Credentials.ts"
import * as MessagingService from "./MessagingService.ts"
import * as Reflection from "./Reflection.ts"

/** The address cannot be listened on. `message` names the variable to change. */
export class GrpcListenFailed extends Schema.TaggedError<GrpcListenFailed>()("GrpcListenFailed", {
  message: Schema.String
}) {}

export interface GrpcOptions extends Omit<CallOptions, "hasClientCertificates"> {
  readonly host: string
  /** 0 for a free one. */
  readonly port: number
  /** Whether other processes may listen on the port as well. */
  readonly sharedPort: boolean
  readonly tls: Credentials.TlsFiles
  /** A larger request is refused with `RESOURCE_EXHAUSTED`, and not read further. */
  readonly maxMessageBytes: number
  /** Whether anybody who connects may ask for the contract. */
  readonly reflection: boolean
}

export interface GrpcListening {
  readonly port: number
  /** Tells the health service's callers how this process is. Never ends. */
  readonly watchHealth: Effect.Effect<never>
}

/** Calls under way at a shutdown have this long. */
const CLOSE_GRACE = "5 seconds"
const HEALTH_INTERVAL = "5 seconds"
const KEEPALIVE_MS = 30_000
const KEEPALIVE_TIMEOUT_MS = 10_000
/** Of one connection. */
const MAX_STREAMS = 1_000

const explain = (error: NodeJS.ErrnoException, { host, port }: GrpcOptions): string => {
  switch (error.code) {
    case "EADDRINUSE":
      return `GRPC_PORT ${port} on ${host} is taken by another process: stop that one, or set GRPC_PORT to another port (0 picks a free one)`
    case "EACCES":
      return `GRPC_PORT ${port} needs more rights than this process has: set GRPC_PORT to 1024 or above`
    default:
      return `Cannot listen on ${host}:${port} (HOST, GRPC_PORT): ${error.message}`
  }
}

/** Takes the connections itself and hands them over: the library's own listening cannot share a port. */
const accept = (options: GrpcOptions, take: (connection: Socket) => void) =>
  Effect.callback<NetServer, GrpcListenFailed>((resume) => {
    const { host, port, sharedPort: reusePort } = options
    const server = createServer({ noDelay: true }, (connection) => {
      connection.on("error", () => connection.destroy())
      take(connection)
    })
    server.once("error", (error) =>
      resume(Effect.fail(new GrpcListenFailed({ message: explain(error, options) })))
    )
    server.listen({ host, port, reusePort }, () => resume(Effect.succeed(server)))
  })

/**
 * Refuses new calls, and waits for those under way: a connection ends with its last one. The library would wait too, but
 * not for connections that it did not take itself.
 */
const close = (listening: NetServer, server: Server): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    listening.close(() => resume(Effect.void))
    server.tryShutdown(() => {})
  }).pipe(
    Effect.timeoutOrElse({ duration: CLOSE_GRACE, orElse: () => Effect.sync(() => server.forceShutdown()) })
  )

/** Listens as long as the scope is open. */
export const listen = Effect.fnUntraced(function* (options: GrpcOptions) {
  // The library writes to stderr what our own log says better.
  setLogVerbosity(logVerbosity.NONE)
  const { checks } = yield* Health
  const credentials = yield* Credentials.load(options.tls)
  const contract = load("messaging.proto")
  const service = yield* MessagingService.make({
    ...options,
    hasClientCertificates: options.tls.ca !== undefined
  })

  const server = new Server({
    "grpc.max_receive_message_length": options.maxMessageBytes,
    "grpc.max_concurrent_streams": MAX_STREAMS,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS
  })
  server.addService(contract[MessagingService.NAME] as ServiceDefinition, service)
  const health = new HealthImplementation()
  health.addToServer(server)
  if (options.reflection) Reflection.addTo(server, contract)

  const tell = (isServing: boolean) =>
    Effect.sync(() => {
      // The empty name is the server as a whole.
      for (const name of ["", MessagingService.NAME]) {
        health.setStatus(name, isServing ? "SERVING" : "NOT_SERVING")
      }
    })
  const checkHealth = Effect.flatMap(report(checks), ({ status }) => tell(status !== "down"))

  yield* checkHealth
  const listening = yield* Effect.acquireRelease(
    Effect.suspend(() => {
      const { injectConnection } = server.createConnectionInjector(credentials)
      return accept(options, injectConnection)
    }),
    (listening) => Effect.andThen(tell(false), close(listening, server))
  )
  return {
    port: (listening.address() as AddressInfo).port,
    watchHealth: Effect.forever(Effect.andThen(Effect.sleep(HEALTH_INTERVAL), checkHealth))
  } satisfies GrpcListening
})
