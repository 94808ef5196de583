/**
 * Who calls: a peer service, by a token of scope `service` in the call's `authorization`, or by the client certificate
 * of its connection. Users have no business here: their tokens are refused. What is shown here is no less suspicious
 * than elsewhere: bad tokens count against their address.
 */
import type { ServerUnaryCall } from "@grpc/grpc-js"
import { Effect, Redacted } from "effect"
import type { IpNetwork } from "effect/net"
import { shownAt } from "../../actors/session/ShownTokens.ts"
import { Forbidden, type Refusal, TokenRejected } from "../../domain/Errors.ts"
import type { Peer } from "../../domain/PeerCommands.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { TokenVerifier } from "../../domain/ports/TokenVerifier.ts"
import * as ClientAddress from "../ClientAddress.ts"

export const SCOPE = "service"

export interface AuthenticationOptions {
  /** Connections without a client certificate that we trust are refused; those that stand need no token. */
  readonly hasClientCertificates: boolean
  /** Whose `x-forwarded-for` is believed. */
  readonly trustedProxies: ReadonlyArray<IpNetwork.IpNetwork>
}

type Call = Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getAuthContext" | "getPeer">

const bearer = /^Bearer +(\S+)$/i

const forbidden = new Forbidden({ rule: `scope:${SCOPE}` })
const missing = new TokenRejected({ reason: "missing" })

/** Without the port that the library puts behind it. */
const withoutPort = (peer: string): string => peer.replace(/:\d+$/, "")

export const make = Effect.fnUntraced(function* (options: AuthenticationOptions) {
  const { hasClientCertificates, trustedProxies } = options
  const verifier = yield* TokenVerifier
  const audit = yield* AuditLog
  const admission = yield* Admission
  const resolve = ClientAddress.make(trustedProxies)

  const addressOf = (call: Call): string => {
    const forwarded = call.metadata.get("x-forwarded-for").join(",")
    return resolve({
      headers: forwarded === "" ? {} : { "x-forwarded-for": forwarded },
      socket: { remoteAddress: withoutPort(call.getPeer()) }
    })
  }

  const byCertificate = (call: Call): Peer => {
    const name = call.getAuthContext().sslPeerCertificate?.subject.CN
    return { name: (Array.isArray(name) ? name[0] : name) ?? "unnamed certificate" }
  }

  const byToken = Effect.fnUntraced(function* (call: Call) {
    const token = bearer.exec(String(call.metadata.get("authorization")[0] ?? ""))?.[1]
    if (token === undefined) return yield* missing
    const identity = yield* shownAt(
      { audit, admission },
      ClientAddress.placeOf(addressOf(call)),
      verifier.verify(Redacted.make(token))
    )
    if (!identity.scopes.includes(SCOPE)) return yield* forbidden
    return { name: identity.userId }
  })

  return (call: Call): Effect.Effect<Peer, Refusal> =>
    hasClientCertificates ? Effect.sync(() => byCertificate(call)) : byToken(call)
})
