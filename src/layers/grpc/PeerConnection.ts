/**
 * The connection to one peer service: a channel that keeps itself open, as a scoped resource, and one unary call over
 * it. What a call may take, and what is done when it fails, is `Peer`'s business.
 */
import { readFile } from "node:fs/promises"
import {
  Client,
  type ClientOptions,
  connectivityState,
  credentials,
  logVerbosity,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  setLogVerbosity
} from "@grpc/grpc-js"
import { Effect, Schema } from "effect"

export interface PeerFiles {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** A file for the connections to peers cannot be used. `message` names its variable. */
export class PeerFilesUnusable extends Schema.TaggedError<PeerFilesUnusable>()("PeerFilesUnusable", {
  message: Schema.String
}) {}

const KEEPALIVE_MS = 30_000
const KEEPALIVE_TIMEOUT_MS = 10_000
const MIN_RECONNECT_MS = 500
const MAX_RECONNECT_MS = 10_000

const options: ClientOptions = {
  "grpc.keepalive_time_ms": KEEPALIVE_MS,
  "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.initial_reconnect_backoff_ms": MIN_RECONNECT_MS,
  "grpc.max_reconnect_backoff_ms": MAX_RECONNECT_MS,
  // Whether a call may be tried again is known to us, not to the library.
  "grpc.enable_retries": 0,
  // A proxy for the way out is none between services.
  "grpc.enable_http_proxy": 0
}

const read = (variable: string, path: string | undefined) =>
  path === undefined
    ? Effect.succeed(null)
    : Effect.tryPromise({
        try: () => readFile(path),
        catch: (error) =>
          new PeerFilesUnusable({
            message: `${variable} ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`
          })
      })

const credentialsOf = Effect.fnUntraced(function* (url: URL, files: PeerFiles) {
  if (url.protocol === "grpc:") return credentials.createInsecure()
  const ca = yield* read("GRPC_TLS_CA", files.ca)
  const key = yield* read("GRPC_TLS_KEY", files.key)
  const cert = yield* read("GRPC_TLS_CERT", files.cert)
  return yield* Effect.try({
    try: () => credentials.createSsl(ca, key, cert),
    catch: (error) =>
      new PeerFilesUnusable({
        message: `GRPC_TLS_CERT, GRPC_TLS_KEY and GRPC_TLS_CA do not fit: ${(error as Error).message}`
      })
  })
})

export type Connectivity = "ready" | "connecting" | "unreachable"

export interface PeerConnection {
  /** Interruption cancels the call. */
  readonly call: (
    method: MethodDefinition<unknown, unknown>,
    request: unknown,
    /** Unix ms. */
    deadline: number,
    /** What the peer is told beside the request. */
    headers: Readonly<Record<string, string>>
  ) => Effect.Effect<unknown, ServiceError>
  readonly connectivity: () => Connectivity
  /** Waits until it is another. Keeps the connection wanted, so that it is there before the first call. */
  readonly changed: (from: Connectivity) => Effect.Effect<void>
}

const stateNames: Readonly<Record<connectivityState, Connectivity>> = {
  [connectivityState.IDLE]: "connecting",
  [connectivityState.CONNECTING]: "connecting",
  [connectivityState.READY]: "ready",
  [connectivityState.TRANSIENT_FAILURE]: "unreachable",
  [connectivityState.SHUTDOWN]: "unreachable"
}

export const open = Effect.fnUntraced(function* (url: URL, files: PeerFiles) {
  // The library writes to stderr what our own log says better.
  setLogVerbosity(logVerbosity.NONE)
  const secrets = yield* credentialsOf(url, files)
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => new Client(url.host, secrets, options)),
    (client) => Effect.sync(() => client.close())
  )
  const channel = client.getChannel()

  return {
    call: ({ path, requestSerialize, responseDeserialize }, request, deadline, headers) =>
      Effect.callback((resume) => {
        const metadata = new Metadata()
        for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
        const call = client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          { deadline },
          (error, response) => resume(error === null ? Effect.succeed(response) : Effect.fail(error))
        )
        return Effect.sync(() => call.cancel())
      }),
    connectivity: () => stateNames[channel.getConnectivityState(false)],
    changed: (from) =>
      Effect.callback<void>((resume) => {
        const state = channel.getConnectivityState(true)
        if (stateNames[state] !== from) return resume(Effect.void)
        channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => resume(Effect.void))
      })
  } satisfies PeerConnection as PeerConnection
})
