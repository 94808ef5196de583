/**
 * Who calls: a peer service, by a token of scope `service` in the call's `authorization`, or by the client certificate
 * of its connection. Users have no business here: their tokens are refused.
 */
import type { ServerUnaryCall } from "@grpc/grpc-js"
import { Effect, Redacted } from "effect"
import { Forbidden, type Refusal, TokenRejected } from "../../domain/Errors.ts"
import type { Peer } from "../../domain/PeerCommands.ts"
import { TokenVerifier } from "../../domain/ports/TokenVerifier.ts"

export const SCOPE = "service"

export interface AuthenticationOptions {
  /** Connections without a client certificate that we trust are refused; those that stand need no token. */
  readonly hasClientCertificates: boolean
}

type Call = Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getAuthContext">

const bearer = /^Bearer +(\S+)$/i

const forbidden = new Forbidden({ rule: `scope:${SCOPE}` })
const missing = new TokenRejected({ reason: "missing" })

export const make = Effect.fnUntraced(function* ({ hasClientCertificates }: AuthenticationOptions) {
  const verifier = yield* TokenVerifier

  const byCertificate = (call: Call): Peer => {
    const name = call.getAuthContext().sslPeerCertificate?.subject.CN
    return { name: (Array.isArray(name) ? name[0] : name) ?? "unnamed certificate" }
  }

  const byToken = Effect.fnUntraced(function* (call: Call) {
    const token = bearer.exec(String(call.metadata.get("authorization")[0] ?? ""))?.[1]
    if (token === undefined) return yield* missing
    const identity = yield* verifier.verify(Redacted.make(token))
    if (!identity.scopes.includes(SCOPE)) return yield* forbidden
    return { name: identity.userId }
  })

  return (call: Call): Effect.Effect<Peer, Refusal> =>
    hasClientCertificates ? Effect.sync(() => byCertificate(call)) : byToken(call)
})
