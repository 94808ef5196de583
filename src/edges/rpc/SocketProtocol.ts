/**
 * The protocol of an RPC server over sockets that are sessions of this node: each message one text frame of JSON, in the
 * outbox of its session, which bounds what waits for a slow reader.
 */
import { Effect, Queue } from "effect"
import type { FromClientEncoded, FromServerEncoded } from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import type { RpcSession } from "../../actors/session/RpcSession.ts"
import { encoded } from "../../actors/topic/SharedFrame.ts"
import { Connection } from "./Connection.ts"
import { sealed } from "./Sealed.ts"

/** A socket, as the server of the protocol sees it. */
export interface Peer {
  readonly connection: Connection
  session: RpcSession | undefined
}

export interface SocketProtocol {
  readonly protocol: RpcServer.Protocol["Service"]
  /** Answers how its messages are performed, and how it is told that it is gone. */
  readonly add: (peer: Peer) => {
    readonly perform: (message: FromClientEncoded) => Effect.Effect<void>
    readonly gone: () => void
  }
}

const isId = (value: unknown): boolean => typeof value === "string" || typeof value === "number"

/**
 * The message in a frame; `undefined` for anything else. What a client may ask for beyond its request is left out: a
 * request that is not answered would be under way without anybody knowing.
 */
export const decode = (text: string): FromClientEncoded | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== "object" || value === null) return undefined
  const { _tag, id, payload, requestId, tag } = value as Readonly<Record<string, unknown>>
  switch (_tag) {
    case "Request":
      return isId(id) && typeof tag === "string"
        ? { _tag, id: id as string | number, tag, payload, headers: [] }
        : undefined
    case "Ack":
    case "Interrupt":
      return isId(requestId) ? { _tag, requestId: requestId as string | number } : undefined
    case "Ping":
    case "Eof":
      return { _tag }
    default:
      return undefined
  }
}

/** The line's end is for clients that read lines. */
const encode = (response: FromServerEncoded): string => `${JSON.stringify(sealed(response))}\n`

export const make: Effect.Effect<SocketProtocol> = Effect.gen(function* () {
  const peers = new Map<number, Peer>()
  const disconnects = yield* Queue.unbounded<number>()
  let lastId = 0
  let receive: (clientId: number, message: FromClientEncoded) => Effect.Effect<void> = () => Effect.void

  const protocol = yield* RpcServer.Protocol.make((write) => {
    receive = write
    return Effect.succeed({
      disconnects,
      send: (clientId: number, response: FromServerEncoded) =>
        Effect.sync(() => {
          const session = peers.get(clientId)?.session
          session?.outbox.push(encoded(encode(response)), false)
          if (response._tag === "Exit") session?.answered(response.requestId)
        }),
      end: () => Effect.void,
      clientIds: Effect.sync(() => new Set(peers.keys())),
      initialMessage: Effect.succeedNone,
      supportsAck: true,
      supportsTransferables: false,
      supportsSpanPropagation: false,
      supportsNotifications: false,
      codecFor: RpcSerialization.json.codecFor
    })
  })

  const add: SocketProtocol["add"] = (peer) => {
    const id = ++lastId
    peers.set(id, peer)
    return {
      perform: (message) => Effect.provideService(receive(id, message), Connection, peer.connection),
      gone: () => {
        peers.delete(id)
        Queue.offerUnsafe(disconnects, id)
      }
    }
  }
  return { protocol, add }
})
