/**
 * Whether a client may connect, and as whom: the checks that every kind of socket makes, whatever it speaks. How the
 * answer is given is the transport's business.
 */
import type { IncomingHttpHeaders } from "node:http"
import { Effect, Redacted } from "effect"
import type { IpNetwork } from "effect/net"
import { Sessions } from "../../actors/session/Sessions.ts"
import { shownAt } from "../../actors/session/ShownTokens.ts"
import { TokenRejected } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { ConnectTickets } from "../../domain/ports/ConnectTickets.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import type { ConnectedSession } from "../../domain/ports/SessionCache.ts"
import { TokenVerifier } from "../../domain/ports/TokenVerifier.ts"
import * as ConnectParams from "../../domain/protocol/ConnectParams.ts"
import * as Origin from "../../domain/protocol/Origin.ts"
import { toWire } from "../../domain/Refusal.ts"
import * as ClientAddress from "../ClientAddress.ts"
import { fromWire, type HttpRefusal } from "./Refuse.ts"

export interface ConnectRequest {
  readonly headers: IncomingHttpHeaders
  readonly params: URLSearchParams
  /** The client's. */
  readonly address: string
  /** From wherever the transport carries it. Without one, the parameter `ticket` is looked at. */
  readonly token: Redacted.Redacted | undefined
}

export interface Entered {
  readonly identity: Identity
  readonly place: ConnectedSession
}

export interface ConnectOptions {
  /** Empty: only pages of the same host and port. */
  readonly allowedOrigins: ReadonlyArray<string>
  /** Whose `X-Forwarded-For` is believed. Default: nobody's. */
  readonly trustedProxies?: ReadonlyArray<IpNetwork.IpNetwork>
}

/** The check that also stands before requests of a session that exists. */
export const refuseOrigin = (
  headers: IncomingHttpHeaders,
  { allowedOrigins }: ConnectOptions
): HttpRefusal | undefined =>
  Origin.isAllowed(headers.origin, headers.host, allowedOrigins)
    ? undefined
    : { status: 403, reason: "origin" }

/** By token or ticket, and by limits. Whose origin may connect is asked before. */
export const make = Effect.gen(function* () {
  const verifier = yield* TokenVerifier
  const tickets = yield* ConnectTickets
  const sessions = yield* Sessions
  const audit = yield* AuditLog
  const admission = yield* Admission
  return Effect.fnUntraced(function* ({
    address,
    params,
    token
  }: Omit<ConnectRequest, "headers">): Effect.fn.Return<Entered | HttpRefusal> {
    const ticket = ConnectParams.last(params, "ticket")
    const source = ClientAddress.limitKey(address)
    const verified =
      token !== undefined
        ? verifier.verify(token)
        : ticket !== undefined
          ? tickets.redeem(Redacted.make(ticket))
          : Effect.fail(new TokenRejected({ reason: "missing" }))
    return yield* shownAt({ audit, admission }, { address, source }, verified).pipe(
      Effect.tap((identity) => wait(admission.connection(identity, source))),
      Effect.flatMap((identity) =>
        Effect.map(sessions.admit(identity, source), (place) => ({ identity, place }))
      ),
      Effect.match({
        onSuccess: (entered): Entered | HttpRefusal => entered,
        onFailure: (refused): Entered | HttpRefusal => fromWire(toWire(refused))
      })
    )
  })
})
