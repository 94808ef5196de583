/**
 * `GET /rpc`, upgraded: typed RPC over a WebSocket. Its connections are sessions like any other: they take the same
 * places, pass the same limits, end with their token and are drained with the rest.
 */
import type { IncomingMessage } from "node:http"
import { Effect, Redacted } from "effect"
import type { FromClientEncoded } from "effect/rpc/RpcMessage"
import { Closing } from "../../actors/session/Connected.ts"
import { RpcSession } from "../../actors/session/RpcSession.ts"
import { Sessions } from "../../actors/session/Sessions.ts"
import { Overloaded } from "../../domain/Errors.ts"
import * as AuthToken from "../../domain/protocol/AuthToken.ts"
import * as ConnectParams from "../../domain/protocol/ConnectParams.ts"
import {
  type ConnectOptions,
  type Entered,
  make as makeEntrance,
  refuseOrigin
} from "../websocket/Entrance.ts"
import type { HttpRefusal } from "../websocket/Refuse.ts"
import { make as makeUpgrades, type Upgraded } from "../websocket/Upgrades.ts"
import type { Connection } from "./Connection.ts"
import { decode, type Peer, type SocketProtocol } from "./SocketProtocol.ts"

export interface SocketRouteOptions extends ConnectOptions {
  /** Bytes; a larger message closes the socket with 1009. */
  readonly maxFrameBytes: number
  /** Streams of one connection. */
  readonly maxChannels: number
}

/** RFC 6455's registry. */
const TRY_AGAIN_LATER = 1013
const UNDECODABLE = new Closing(1007, "undecodable message")

const bearer = /^Bearer +(\S+)$/i

/** From a header, where a client can set one; from the subprotocol, where it cannot; or from the address. */
const tokenOf = ({ headers, url }: IncomingMessage): Redacted.Redacted | undefined => {
  const header = bearer.exec(headers.authorization ?? "")?.[1]
  return header === undefined
    ? (AuthToken.fromSubprotocols(headers["sec-websocket-protocol"]) ??
        AuthToken.fromParams(ConnectParams.parse(url)))
    : Redacted.make(header)
}

export const make = Effect.fnUntraced(function* (options: SocketRouteOptions, { add }: SocketProtocol) {
  const enter = yield* makeEntrance
  const sessions = yield* Sessions
  const accept = (request: IncomingMessage, address: string): Effect.Effect<Entered | HttpRefusal> => {
    const refusal = refuseOrigin(request.headers, options)
    if (refusal !== undefined) return Effect.succeed(refusal)
    return enter({ params: ConnectParams.parse(request.url), address, token: tokenOf(request) })
  }

  const gone = Effect.fail(new Overloaded({ what: "connection" }))

  const peerOf = (): Peer => {
    const peer: Peer = {
      session: undefined,
      connection: {
        identify: Effect.suspend(() =>
          peer.session === undefined ? gone : Effect.succeed(peer.session.caller)
        ),
        host: Effect.suspend(() => (peer.session === undefined ? gone : Effect.succeed(peer.session))),
        underWay: 0
      } satisfies Connection
    }
    return peer
  }

  const serve = ({ ws, transport, flow }: Upgraded, entered: Entered): void => {
    const peer = peerOf()
    const { gone, perform } = add(peer)
    const handle = sessions.openWith<FromClientEncoded>({ ...entered, transport, flow }, (ground) => {
      peer.session = new RpcSession({
        ...ground,
        turn: sessions.turn,
        perform,
        maxStreams: options.maxChannels
      })
      return peer.session
    })
    if (handle === undefined) {
      gone()
      return ws.close(TRY_AGAIN_LATER, "overloaded")
    }
    ws.on("message", (data, isBinary) => {
      // Once we have sent our close frame, nothing is taken any more.
      if (ws.readyState !== ws.OPEN) return
      // With the default `binaryType` a message is one Buffer.
      const message = isBinary ? undefined : decode((data as Buffer).toString())
      handle.receive(message ?? UNDECODABLE)
    })
    ws.on("ping", handle.touch)
    ws.on("pong", handle.touch)
    ws.on("close", () => {
      gone()
      handle.closed()
    })
  }

  return yield* makeUpgrades({
    ...options,
    transport: "rpc",
    compress: false,
    subprotocol: AuthToken.RPC_SUBPROTOCOL,
    accept,
    serve
  })
})
