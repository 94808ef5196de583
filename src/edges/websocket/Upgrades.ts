/**
 * The upgrade of an HTTP connection to a WebSocket: who may not is refused at HTTP level, and whoever is accepted is handed
 * over. What is spoken over the socket is not its business.
 */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { Cause, Effect, FiberSet } from "effect"
import { type WebSocket, WebSocketServer } from "ws"
import type { Transport } from "../../actors/session/Outbox.ts"
import { type Flow, Sessions } from "../../actors/session/Sessions.ts"
import * as AuthToken from "../../domain/protocol/AuthToken.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import * as ClientAddress from "../ClientAddress.ts"
import type { ConnectOptions, Entered } from "./Entrance.ts"
import { type HttpRefusal, noteRefused, refuse } from "./Refuse.ts"
import { webSocketTransport } from "./WebSocketTransport.ts"

/** The answer to any other request for a socket's path, with the versions of WebSocket that we speak (RFC 6455, 4.4). */
export const NOT_AN_UPGRADE: HttpRefusal = {
  status: 400,
  reason: "not_a_websocket_request",
  headers: { "Sec-WebSocket-Version": "13, 8" }
}

/** Sixteen bytes in base64. */
const handshakeKey = /^[+/0-9A-Za-z]{22}==$/

const isHandshake = ({ headers, method }: IncomingMessage): boolean =>
  method === "GET" &&
  headers.upgrade?.toLowerCase() === "websocket" &&
  /^(?:13|8)$/.test(headers["sec-websocket-version"] ?? "") &&
  handshakeKey.test(headers["sec-websocket-key"] ?? "")

/** Milliseconds a peer has to answer our close frame; then its connection is cut. Newer than the types of `ws`. */
const closing: object = { closeTimeout: 5_000 }

const ignore = () => {}

const OVERLOADED: HttpRefusal = { status: 503, reason: "overloaded", retryAfterSeconds: 1 }

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface Upgraded {
  readonly ws: WebSocket
  readonly transport: Transport
  readonly flow: Flow
}

export interface UpgradeOptions<A extends Entered> extends ConnectOptions {
  /** What it is called in the log. */
  readonly transport: string
  readonly accept: (request: IncomingMessage, address: string) => Effect.Effect<A | HttpRefusal>
  readonly serve: (upgraded: Upgraded, accepted: A) => void
  /** Answered to whoever offers it: a client that offers any wants one answered. */
  readonly subprotocol: string
  /** Bytes; a larger frame closes the socket with 1009. */
  readonly maxFrameBytes: number
  /** Offers permessage-deflate. Default off. */
  readonly compress?: boolean
}

export const make = Effect.fnUntraced(function* <A extends Entered>({
  accept,
  compress = false,
  maxFrameBytes,
  serve,
  subprotocol,
  transport,
  trustedProxies = []
}: UpgradeOptions<A>) {
  const sessions = yield* Sessions
  const run = yield* FiberSet.makeRuntime<never>()
  const addressOf = ClientAddress.make(trustedProxies)
  const wss = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: compress,
    ...closing,
    maxPayload: maxFrameBytes
  })

  const handOver = (request: IncomingMessage, socket: Duplex, head: Buffer, accepted: A): void => {
    const { headers } = request
    // The entry with the token goes no further. It need not be what HTTP calls a token, on which `ws` would insist.
    if (AuthToken.offers(headers["sec-websocket-protocol"], subprotocol)) {
      headers["sec-websocket-protocol"] = subprotocol
    } else {
      delete headers["sec-websocket-protocol"]
    }
    let isOpen = false
    wss.handleUpgrade(request, socket, head, (ws) => {
      isOpen = true
      // An error (a frame too big, bad UTF-8, a reset) is always followed by "close"; `ws` has chosen the code.
      ws.on("error", ignore)
      const flow: Flow = {
        pause: () => ws.pause(),
        resume: () => ws.resume(),
        arrived: () => request.socket.bytesRead
      }
      serve({ ws, transport: webSocketTransport(ws, socket), flow }, accepted)
    })
    // The peer has gone, or what it says of extensions cannot be read, which `ws` has answered with 400.
    if (!isOpen) sessions.abandon(accepted.place)
  }

  const onUpgrade: UpgradeHandler = (request, socket, head) => {
    const requestId = newId()
    const onError = () => socket.destroy()
    socket.on("error", onError)
    if (!isHandshake(request)) return refuse(socket, requestId, NOT_AN_UPGRADE)
    const address = addressOf(request)
    const refused = (refusal: HttpRefusal): Effect.Effect<void> => {
      refuse(socket, requestId, refusal)
      return noteRefused(refusal, { request_id: requestId, address, transport })
    }
    const decide = (decision: A | HttpRefusal): Effect.Effect<void> => {
      if (!("identity" in decision)) return refused(decision)
      // The peer may have gone while its token was verified, and others may have taken the last places.
      if (!sessions.isFull() && !socket.destroyed) {
        socket.off("error", onError)
        handOver(request, socket, head, decision)
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
