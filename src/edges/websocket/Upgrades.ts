/**
 * The upgrade of an HTTP connection to a WebSocket: who may not is refused at HTTP level, and whoever is accepted is handed
 * over. What is spoken over the socket is not its business.
 */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { Cause, Effect, FiberSet } from "effect"
import { Sessions } from "../../actors/Sessions.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import * as ClientAddress from "../ClientAddress.ts"
import type { ConnectOptions, Entered } from "./Entrance.ts"
import { type HttpRefusal, noteRefused, refuse } from "./Refuse.ts"

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

const OVERLOADED: HttpRefusal = { status: 503, reason: "overloaded", retryAfterSeconds: 1 }

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface UpgradeOptions<A extends Entered> extends ConnectOptions {
  /** What it is called in the log. */
  readonly transport: string
  readonly accept: (request: IncomingMessage, address: string) => Effect.Effect<A | HttpRefusal>
  readonly serve: (request: IncomingMessage, socket: Duplex, head: Buffer, accepted: A) => void
}

export const make = Effect.fnUntraced(function* <A extends Entered>({
  accept,
  serve,
  transport,
  trustedProxies = []
}: UpgradeOptions<A>) {
  const sessions = yield* Sessions
  const run = yield* FiberSet.makeRuntime<never>()
  const addressOf = ClientAddress.make(trustedProxies)

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
