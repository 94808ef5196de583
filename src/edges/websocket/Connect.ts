/**
 * Whether a client may connect, and as whom: the checks that every transport of sockets makes, in Phoenix's order
 * (origin, token, subprotocol, vsn). How the answer is given is the transport's business.
 */
import type { IncomingHttpHeaders } from "node:http"
import { Effect, Redacted } from "effect"
import type { IpNetwork } from "effect/net"
import { Sessions } from "../../actors/Sessions.ts"
import { TokenRejected } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { ConnectTickets } from "../../domain/ports/ConnectTickets.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import type { ConnectedSession } from "../../domain/ports/SessionCache.ts"
import { TokenVerifier } from "../../domain/ports/TokenVerifier.ts"
import { acceptsSubprotocols } from "../../domain/protocol/AuthToken.ts"
import * as ConnectParams from "../../domain/protocol/ConnectParams.ts"
import type { Serializer } from "../../domain/protocol/Frame.ts"
import * as Origin from "../../domain/protocol/Origin.ts"
import { negotiate } from "../../domain/protocol/Version.ts"
import { toWire } from "../../domain/Refusal.ts"
import * as ClientAddress from "../ClientAddress.ts"
import { noteRefusedToken } from "../RefusedTokens.ts"
import { fromWire, type HttpRefusal } from "./Refuse.ts"

export interface ConnectRequest {
  readonly headers: IncomingHttpHeaders
  readonly params: URLSearchParams
  /** The client's. */
  readonly address: string
  /** From wherever the transport carries it. Without one, the parameter `ticket` is looked at. */
  readonly token: Redacted.Redacted | undefined
}

export interface Accepted {
  readonly identity: Identity
  readonly place: ConnectedSession
  readonly serializer: Serializer
}

export interface ConnectOptions {
  /** Empty: only pages of the same host and port. */
  readonly allowedOrigins: ReadonlyArray<string>
  /** Whose `X-Forwarded-For` is believed. Default: nobody's. */
  readonly trustedProxies?: ReadonlyArray<IpNetwork.IpNetwork>
}

export const isAccepted = (decision: Accepted | HttpRefusal): decision is Accepted => "identity" in decision

const forbidden = (reason: string): HttpRefusal => ({ status: 403, reason })

/** The check that also stands before requests of a session that exists. */
export const refuseOrigin = (
  headers: IncomingHttpHeaders,
  { allowedOrigins }: ConnectOptions
): HttpRefusal | undefined =>
  Origin.isAllowed(headers.origin, headers.host, allowedOrigins) ? undefined : forbidden("origin")

export const make = Effect.fnUntraced(function* (options: ConnectOptions) {
  const verifier = yield* TokenVerifier
  const tickets = yield* ConnectTickets
  const sessions = yield* Sessions
  const audit = yield* AuditLog
  const admission = yield* Admission
  return Effect.fnUntraced(function* ({
    address,
    headers,
    params,
    token
  }: ConnectRequest): Effect.fn.Return<Accepted | HttpRefusal> {
    const refusal = refuseOrigin(headers, options)
    if (refusal !== undefined) return refusal
    if (!acceptsSubprotocols(headers["sec-websocket-protocol"])) return forbidden("subprotocol")
    const serializer = negotiate(ConnectParams.last(params, "vsn"))
    if (serializer === undefined) return forbidden("vsn")
    const ticket = ConnectParams.last(params, "ticket")
    const source = ClientAddress.limitKey(address)
    const verified =
      token !== undefined
        ? verifier.verify(token)
        : ticket !== undefined
          ? tickets.redeem(Redacted.make(ticket))
          : Effect.fail(new TokenRejected({ reason: "missing" }))
    const identified = Effect.tapError(verified, (refused) =>
      Effect.sync(() => noteRefusedToken({ audit, admission }, refused, address))
    )
    const admitted = Effect.tap(identified, (identity) => wait(admission.connection(identity, source)))
    return yield* wait(admission.arrival(source)).pipe(
      Effect.andThen(admitted),
      Effect.flatMap((identity) =>
        Effect.map(sessions.admit(identity, source), (place) => ({ identity, place, serializer }))
      ),
      Effect.match({
        onSuccess: (accepted): Accepted | HttpRefusal => accepted,
        onFailure: (refused): Accepted | HttpRefusal => fromWire(toWire(refused))
      })
    )
  })
})
