/**
 * Whether a Phoenix client may connect, and as whom: the checks that each of its transports makes, in Phoenix's order
 * (origin, subprotocol, vsn, token).
 */
import { Effect } from "effect"
import { acceptsSubprotocols } from "../../domain/protocol/AuthToken.ts"
import * as ConnectParams from "../../domain/protocol/ConnectParams.ts"
import type { Serializer } from "../../domain/protocol/Frame.ts"
import { negotiate } from "../../domain/protocol/Version.ts"
import {
  type ConnectOptions,
  type ConnectRequest,
  type Entered,
  make as makeEntrance,
  refuseOrigin
} from "./Entrance.ts"
import type { HttpRefusal } from "./Refuse.ts"

export interface Accepted extends Entered {
  readonly serializer: Serializer
}

export const isAccepted = (decision: Accepted | HttpRefusal): decision is Accepted => "identity" in decision

const forbidden = (reason: string): HttpRefusal => ({ status: 403, reason })

export const make = Effect.fnUntraced(function* (options: ConnectOptions) {
  const enter = yield* makeEntrance
  return Effect.fnUntraced(function* ({
    headers,
    ...request
  }: ConnectRequest): Effect.fn.Return<Accepted | HttpRefusal> {
    const refusal = refuseOrigin(headers, options)
    if (refusal !== undefined) return refusal
    if (!acceptsSubprotocols(headers["sec-websocket-protocol"])) return forbidden("subprotocol")
    const serializer = negotiate(ConnectParams.last(request.params, "vsn"))
    if (serializer === undefined) return forbidden("vsn")
    const decision = yield* enter(request)
    return "identity" in decision ? { ...decision, serializer } : decision
  })
})
