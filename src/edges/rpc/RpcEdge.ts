/** Typed RPC as a whole: one set of handlers, served over sockets and over HTTP. */
import { Effect, Layer } from "effect"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import { MessagingRpcs } from "../../rpc/MessagingRpcs.ts"
import * as Calls from "./Calls.ts"
import * as HttpRoute from "./HttpRoute.ts"
import * as Conversations from "./handlers/Conversations.ts"
import * as Events from "./handlers/Events.ts"
import * as Me from "./handlers/Me.ts"
import * as Messages from "./handlers/Messages.ts"
import * as SocketProtocol from "./SocketProtocol.ts"
import * as SocketRoute from "./SocketRoute.ts"

export interface RpcEdgeOptions
  extends SocketRoute.SocketRouteOptions,
    HttpRoute.HttpRouteOptions,
    Calls.CallOptions {
  /** Characters that wait for the reader of one stream, past which what is not kept is left out, */
  readonly maxOutboxSoft: number
  /** and past which it is ended. */
  readonly maxOutbox: number
  /** A larger request is refused, and not kept. */
  readonly maxBodyBytes: number
}

/** Serves as long as the scope is open. Answers the routes of HTTP, and what takes the upgrades. */
export const make = Effect.fnUntraced(function* (options: RpcEdgeOptions) {
  const sockets = yield* SocketProtocol.make
  const { protocol, routes } = yield* Effect.provideService(
    HttpRoute.make(options),
    RpcSerialization.RpcSerialization,
    RpcSerialization.makeNdjson({ maxBufferSize: options.maxBodyBytes })
  )
  const handlers = yield* Layer.build(
    Layer.mergeAll(
      Conversations.layer,
      Messages.layer,
      Me.layer,
      Events.layer({ soft: options.maxOutboxSoft, hard: options.maxOutbox }),
      Calls.layer(options)
    )
  )
  for (const served of [sockets.protocol, protocol]) {
    yield* RpcServer.make(MessagingRpcs, { disableFatalDefects: true, spanPrefix: "Rpc" }).pipe(
      Effect.provideService(RpcServer.Protocol, served),
      Effect.provideContext(handlers),
      Effect.forkScoped
    )
  }
  return { routes, onUpgrade: yield* SocketRoute.make(options, sockets) }
})
