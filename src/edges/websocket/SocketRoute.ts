/**
 * `GET /socket/websocket`: the upgrade. Refuses at HTTP level, and hands an accepted connection to its session.
 * Knows nothing of topics.
 */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { Cause, Effect, FiberSet } from "effect"
import { WebSocketServer } from "ws"
import { UNDECODABLE } from "../../actors/Session.ts"
import { type SessionHandle, Sessions } from "../../actors/Sessions.ts"
import * as AuthToken from "../../domain/protocol/AuthToken.ts"
import * as ConnectParams from "../../domain/protocol/ConnectParams.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import * as ClientAddress from "../ClientAddress.ts"
import { type Accepted, type ConnectOptions, isAccepted, make as makeConnect } from "./Connect.ts"
import { type HttpRefusal, noteRefused, refuse } from "./Refuse.ts"
import { webSocketTransport } from "./WebSocketTransport.ts"

export const PATH = "/socket/websocket"

/** The answer to any other request for this path. */
export const NOT_AN_UPGRADE: HttpRefusal = { status: 400, reason: "not_a_websocket_request" }

export interface SocketRouteOptions extends ConnectOptions {
  /** Bytes; a larger frame closes the socket with 1009. */
  readonly maxFrameBytes: number
  /** Offers permessage-deflate. Default off: a compressed connection costs memory and shares no frames. */
  readonly compress?: boolean
}

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Milliseconds a peer has to answer our close frame; then its connection is cut. Newer than the types of `ws`. */
const closing: object = { closeTimeout: 5_000 }

/** RFC 6455's registry. */
const TRY_AGAIN_LATER = 1013

const OVERLOADED: HttpRefusal = { status: 503, reason: "overloaded", retryAfterSeconds: 1 }

const ignore = () => {}

export const make = Effect.fnUntraced(function* (options: SocketRouteOptions) {
  const connect = yield* makeConnect(options)
  const sessions = yield* Sessions
  const run = yield* FiberSet.makeRuntime<never>()
  const addressOf = ClientAddress.make(options.trustedProxies ?? [])
  const wss = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: options.compress ?? false,
    ...closing,
    maxPayload: options.maxFrameBytes,
    handleProtocols: (offered) => (offered.has(AuthToken.SUBPROTOCOL) ? AuthToken.SUBPROTOCOL : false)
  })

  const accept = (request: IncomingMessage, address: string): Effect.Effect<Accepted | HttpRefusal> => {
    const { headers, url } = request
    const params = ConnectParams.parse(url)
    const token =
      AuthToken.fromSubprotocols(headers["sec-websocket-protocol"]) ?? AuthToken.fromParams(params)
    return connect({ headers, params, address, token })
  }

  const serve = (request: IncomingMessage, socket: Duplex, head: Buffer, accepted: Accepted): void => {
    wss.handleUpgrade(request, socket, head, (ws) => {
      // An error (a frame too big, bad UTF-8, a reset) is always followed by "close"; `ws` has chosen the code.
      ws.on("error", ignore)
      const transport = webSocketTransport(ws, socket)
      const flow = { pause: () => ws.pause(), resume: () => ws.resume() }
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
  }

  const onUpgrade: UpgradeHandler = (request, socket, head) => {
    const requestId = newId()
    const onError = () => socket.destroy()
    socket.on("error", onError)
    if (request.method !== "GET" || request.headers.upgrade?.toLowerCase() !== "websocket") {
      return refuse(socket, requestId, NOT_AN_UPGRADE)
    }
    const address = addressOf(request)
    const refused = (refusal: HttpRefusal): Effect.Effect<void> => {
      refuse(socket, requestId, refusal)
      return noteRefused(refusal, { request_id: requestId, address, transport: "websocket" })
    }
    const decide = (decision: Accepted | HttpRefusal): Effect.Effect<void> => {
      if (!isAccepted(decision)) return refused(decision)
      // The peer may have gone while its token was verified, and others may have taken the last places.
      if (!sessions.isFull() && !socket.destroyed) {
        socket.off("error", onError)
        serve(request, socket, head, decision)
        return Effect.void
      }
      sessions.abandon(decision.place)
      return refused(OVERLOADED)
    }
    const connecting = Effect.flatMap(
      Effect.suspend(() => accept(request, address)),
      decide
    ).pipe(
      Effect.catchCause((cause) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
        refuse(socket, requestId, { status: 500, reason: "internal" })
        return Effect.annotateLogs(Effect.logError("A connection could not be decided", cause), {
          request_id: requestId
        })
      })
    )
    const begin = () => {
      if (!socket.destroyed) run(connecting)
    }
    if (!sessions.arrive(begin)) run(refused(OVERLOADED))
  }
  return onUpgrade
})
