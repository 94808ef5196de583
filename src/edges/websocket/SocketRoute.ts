/**
 * `GET /socket/websocket`: the upgrade. Refuses at HTTP level, and hands an accepted connection to its session.
 * Knows nothing of topics.
 */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { Effect } from "effect"
import { WebSocketServer } from "ws"
import { UNDECODABLE } from "../../actors/Session.ts"
import { type Flow, type SessionHandle, Sessions } from "../../actors/Sessions.ts"
import * as AuthToken from "../../domain/protocol/AuthToken.ts"
import * as ConnectParams from "../../domain/protocol/ConnectParams.ts"
import { type Accepted, make as makeConnect } from "./Connect.ts"
import type { ConnectOptions } from "./Entrance.ts"
import type { HttpRefusal } from "./Refuse.ts"
import { make as makeUpgrades } from "./Upgrades.ts"
import { webSocketTransport } from "./WebSocketTransport.ts"

export const PATH = "/socket/websocket"

export interface SocketRouteOptions extends ConnectOptions {
  /** Bytes; a larger frame closes the socket with 1009. */
  readonly maxFrameBytes: number
  /** Offers permessage-deflate. Default off: a compressed connection costs memory and shares no frames. */
  readonly compress?: boolean
}

/** Milliseconds a peer has to answer our close frame; then its connection is cut. Newer than the types of `ws`. */
const closing: object = { closeTimeout: 5_000 }

/** RFC 6455's registry. */
const TRY_AGAIN_LATER = 1013

const ignore = () => {}

export const make = Effect.fnUntraced(function* (options: SocketRouteOptions) {
  const connect = yield* makeConnect(options)
  const sessions = yield* Sessions
  const wss = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: options.compress ?? false,
    ...closing,
    maxPayload: options.maxFrameBytes
  })

  const accept = (request: IncomingMessage, address: string): Effect.Effect<Accepted | HttpRefusal> => {
    const { headers, url } = request
    const params = ConnectParams.parse(url)
    const token =
      AuthToken.fromSubprotocols(headers["sec-websocket-protocol"]) ?? AuthToken.fromParams(params)
    return connect({ headers, params, address, token })
  }

  const serve = (request: IncomingMessage, socket: Duplex, head: Buffer, accepted: Accepted): void => {
    const { headers } = request
    // The entry with the token goes no further. It need not be what HTTP calls a token, on which `ws` would insist.
    if (AuthToken.offersOurs(headers["sec-websocket-protocol"])) {
      headers["sec-websocket-protocol"] = AuthToken.SUBPROTOCOL
    } else {
      delete headers["sec-websocket-protocol"]
    }
    let isOpen = false
    wss.handleUpgrade(request, socket, head, (ws) => {
      isOpen = true
      // An error (a frame too big, bad UTF-8, a reset) is always followed by "close"; `ws` has chosen the code.
      ws.on("error", ignore)
      const transport = webSocketTransport(ws, socket)
      const flow: Flow = {
        pause: () => ws.pause(),
        resume: () => ws.resume(),
        arrived: () => request.socket.bytesRead
      }
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
    })
    // The peer has gone, or what it says of extensions cannot be read, which `ws` has answered with 400.
    if (!isOpen) sessions.abandon(accepted.place)
  }

  return yield* makeUpgrades({ ...options, transport: "websocket", accept, serve })
})
