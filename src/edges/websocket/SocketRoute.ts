/**
 * `GET /socket/websocket`: the upgrade. Refuses at HTTP level, and hands an accepted connection to its session.
 * Knows nothing of topics.
 */
import type { IncomingMessage } from "node:http"
import { Effect } from "effect"
import { UNDECODABLE } from "../../actors/session/Session.ts"
import { type SessionHandle, Sessions } from "../../actors/session/Sessions.ts"
import * as AuthToken from "../../domain/protocol/AuthToken.ts"
import * as ConnectParams from "../../domain/protocol/ConnectParams.ts"
import { type Accepted, make as makeConnect } from "./Connect.ts"
import type { ConnectOptions } from "./Entrance.ts"
import type { HttpRefusal } from "./Refuse.ts"
import { make as makeUpgrades, type Upgraded } from "./Upgrades.ts"

export const PATH = "/socket/websocket"

export interface SocketRouteOptions extends ConnectOptions {
  /** Bytes; a larger frame closes the socket with 1009. */
  readonly maxFrameBytes: number
  /** Offers permessage-deflate. Default off: a compressed connection costs memory and shares no frames. */
  readonly compress?: boolean
}

/** RFC 6455's registry. */
const TRY_AGAIN_LATER = 1013

export const make = Effect.fnUntraced(function* (options: SocketRouteOptions) {
  const connect = yield* makeConnect(options)
  const sessions = yield* Sessions
  const accept = (request: IncomingMessage, address: string): Effect.Effect<Accepted | HttpRefusal> => {
    const { headers, url } = request
    const params = ConnectParams.parse(url)
    const token =
      AuthToken.fromSubprotocols(headers["sec-websocket-protocol"]) ?? AuthToken.fromParams(params)
    return connect({ headers, params, address, token })
  }

  const serve = ({ ws, transport, flow }: Upgraded, accepted: Accepted): void => {
    const session: SessionHandle | undefined = sessions.open({ ...accepted, transport, flow })
    if (session === undefined) return ws.close(TRY_AGAIN_LATER, "overloaded")
    const { serializer } = accepted
    ws.on("message", (data, isBinary) => {
      // Once we have sent our close frame, nothing is taken any more.
      if (ws.readyState !== ws.OPEN) return
      // With the default `binaryType` a message is one Buffer.
      const bytes = data as Buffer
      const frame = isBinary ? serializer.decodeBinary(bytes) : serializer.decode(bytes.toString())
      session.receive(frame ?? UNDECODABLE)
    })
    ws.on("ping", session.touch)
    ws.on("pong", session.touch)
    ws.on("close", session.closed)
  }

  return yield* makeUpgrades({
    ...options,
    transport: "websocket",
    subprotocol: AuthToken.SUBPROTOCOL,
    accept,
    serve
  })
})
