/**
 * The client of this service's typed RPC: every operation as a function, a conversation's events as a stream that does not
 * end when a connection does. Needs nothing but `effect`, and runs wherever there is a `WebSocket` or a `fetch`.
 *
 * Connections are made anew by themselves, each with the token of that moment. A call that was under way when one broke
 * fails with an `RpcClientError`: whether it was done, nobody knows. What carries a `client_random` may be asked again.
 */
import { Context, Effect, Layer, Redacted, Schedule, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { RpcClient, type RpcClientError, type RpcGroup, RpcSerialization } from "effect/rpc"
import { Socket } from "effect/socket"
import { type ConversationEvent, StreamEnded } from "../domain/ConversationEvent.ts"
import type { TokenRejected } from "../domain/Errors.ts"
import * as AuthToken from "../domain/protocol/AuthToken.ts"
import type { Authentication } from "../rpc/Authentication.ts"
import type { StreamRefusal } from "../rpc/EventRpcs.ts"
import { MessagingRpcs, PATH } from "../rpc/MessagingRpcs.ts"

export interface ClientOptions {
  /** Of the service: `https://chat.example`. */
  readonly url: string
  /** One token, or how to get one: it is asked for whenever a connection is made, and over HTTP for each request. */
  readonly token: Redacted.Redacted | Effect.Effect<Redacted.Redacted>
  /** Default: `websocket`, one connection for everything. */
  readonly protocol?: "websocket" | "http"
}

type ClientError = RpcClientError.RpcClientError
type Rejection = (typeof Authentication)["error"]["Type"]
type Operations = RpcClient.RpcClient<RpcGroup.Rpcs<typeof MessagingRpcs>, ClientError>

export interface FollowOptions {
  /** The last number that is known: what has changed since comes first. */
  readonly last_seq?: number
}

export class MessagingClient extends Context.Service<
  MessagingClient,
  Omit<Operations, "conversationEvents"> & {
    /**
     * A conversation's events, each once and in order, beginning with a snapshot. Whatever happens to the connection, it
     * goes on from the last number that was told, with another snapshot of what has changed since. It ends with an error
     * when it cannot go on: the membership has ended, or the token is not believed.
     */
    readonly follow: (
      conversationId: string,
      options?: FollowOptions
    ) => Stream.Stream<ConversationEvent, StreamRefusal | Rejection | ClientError>
  }
>()("messaging-service/client/MessagingClient") {}

/** Waits longer each time, up to five seconds; clients do not return as one. */
const backoff = Schedule.min([Schedule.exponential("200 millis", 1.5), Schedule.spaced("5 seconds")]).pipe(
  Schedule.jittered
)

const TRANSIENT: ReadonlySet<string> = new Set([
  "RpcClientError",
  "StreamEnded",
  "Overloaded",
  "Unavailable",
  "RateLimited"
])

const isTransient = ({ _tag }: { readonly _tag: string }): boolean => TRANSIENT.has(_tag)

const isRefusedConnection = (error: { readonly _tag: string; readonly reason?: unknown }): boolean =>
  error._tag === "RpcClientError" &&
  (error.reason as { readonly _tag?: unknown } | undefined)?._tag === "SocketOpenError"

/** Each request shows the token of its moment. */
const overHttp = (url: string, token: Effect.Effect<Redacted.Redacted>) =>
  RpcClient.layerProtocolHttp({
    url: url + PATH,
    transformClient: HttpClient.mapRequestEffect((request) =>
      Effect.map(token, (token) => HttpClientRequest.bearerToken(request, token))
    )
  }).pipe(Layer.provide([FetchHttpClient.layer, RpcSerialization.layerNdjson]))

/** The token goes where a browser can put one: into the subprotocol. */
const overWebSocket = (url: string, token: Effect.Effect<Redacted.Redacted>) => {
  const address = url.replace(/^http/, "ws") + PATH
  const socket = Layer.effect(
    Socket.Socket,
    Effect.flatMap(Socket.WebSocketConstructor, (construct) =>
      Socket.fromWebSocket(
        Effect.acquireRelease(
          Effect.map(token, (token) =>
            construct(address, AuthToken.toSubprotocols(AuthToken.RPC_SUBPROTOCOL, Redacted.value(token)))
          ),
          (ws) => Effect.sync(() => ws.close(1000))
        )
      )
    )
  )
  return RpcClient.layerProtocolSocket({ retryPolicy: backoff }).pipe(
    Layer.provide([socket, RpcSerialization.layerJson]),
    Layer.provide(Socket.layerWebSocketConstructorGlobal)
  )
}

/**
 * Why a connection was refused. A `WebSocket` does not say; the same token over HTTP does. Succeeds where there is no such
 * reason.
 */
type Reason = Effect.Effect<void, Rejection>

const withReason =
  (reason: Reason) =>
  <A, E extends { readonly _tag: string }, R>(
    call: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Rejection, R> =>
    Effect.catch(call, (error) =>
      isRefusedConnection(error) ? Effect.andThen(reason, Effect.fail(error)) : Effect.fail(error)
    )

const follow =
  (operations: Operations, reason: Reason): MessagingClient["Service"]["follow"] =>
  (conversation_id, { last_seq } = {}) =>
    Stream.suspend(() => {
      let last = last_seq
      const attempt = Stream.suspend(() => {
        let hasBegun = false
        const events = operations.conversationEvents({
          conversation_id,
          ...(last === undefined ? {} : { last_seq: last })
        })
        return events.pipe(
          Stream.map((event) => {
            hasBegun = true
            if (event.seq !== null) last = event.seq
            return event
          }),
          // The token was good, and has come to its end: the next connection has another one, or says so.
          Stream.mapError((error) =>
            hasBegun && error._tag === "TokenRejected" ? new StreamEnded({ reason: "interrupted" }) : error
          ),
          Stream.catch((error) => Stream.fromEffect(withReason(reason)(Effect.fail(error))))
        )
      })
      return Stream.retry(attempt, ($) => $(backoff).pipe(Schedule.while(({ input }) => isTransient(input))))
    })

const make = Effect.fnUntraced(function* ({ protocol = "websocket", token, url }: ClientOptions) {
  const base = url.replace(/\/+$/, "")
  const current = Redacted.isRedacted(token) ? Effect.succeed(token) : token
  const client = (layer: Layer.Layer<RpcClient.Protocol>) =>
    Effect.flatMap(Layer.build(layer), (built) => Effect.provideContext(RpcClient.make(MessagingRpcs), built))
  const http = yield* client(overHttp(base, current))
  const operations = protocol === "http" ? http : yield* client(overWebSocket(base, current))
  const reason: Reason = http.myStatus({}).pipe(
    Effect.asVoid,
    Effect.catchTag(["RpcClientError", "InvalidInput", "Overloaded", "Unavailable"], () => Effect.void)
  )
  const calls: Record<string, unknown> = {}
  for (const [name, call] of Object.entries(operations)) {
    calls[name] = (...asked: [never]) =>
      withReason(reason)((call as (...asked: [never]) => Effect.Effect<unknown, TokenRejected>)(...asked))
  }
  return MessagingClient.of({
    ...(calls as unknown as Omit<Operations, "conversationEvents">),
    follow: follow(operations, reason)
  })
})

/** A client, for as long as the Layer is there. */
export const layer = (options: ClientOptions): Layer.Layer<MessagingClient> =>
  Layer.effect(MessagingClient, make(options))
