/**
 * The gRPC edge on a real server of its own, over whatever a test puts behind it. Tokens are names here: `service` has
 * the scope of peers, as `service:name` has for another of them; any other name is a user, and `forged` is refused.
 */
import { Duration, Effect, Layer, Redacted, References } from "effect"
import { Conversations } from "../../../src/actors/conversation/Conversations.ts"
import { PeerConversations } from "../../../src/actors/conversation/PeerConversations.ts"
import { TokenRejected } from "../../../src/domain/Errors.ts"
import type { Admission } from "../../../src/domain/ports/Admission.ts"
import { Health, type HealthCheck } from "../../../src/domain/ports/Health.ts"
import { TokenVerifier } from "../../../src/domain/ports/TokenVerifier.ts"
import type { GrpcOptions } from "../../../src/edges/grpc/GrpcServer.ts"
import { listen } from "../../../src/edges/grpc/GrpcServer.ts"
import * as MemoryAuditLog from "../../../src/layers/memory/MemoryAuditLog.ts"
import * as NoLimits from "../../support/NoLimits.ts"
import { identityOf } from "../rest/RestServer.ts"

const verifier = Layer.succeed(TokenVerifier, {
  verify: (token) => {
    const name = Redacted.value(token)
    if (name === "forged") return Effect.fail(new TokenRejected({ reason: "signature" }))
    return Effect.succeed({
      ...identityOf(name),
      scopes: name.split(":")[0] === "service" ? ["service"] : ["admin"]
    })
  }
})

export interface EdgeOptions extends Partial<GrpcOptions> {
  readonly conversations?: Partial<PeerConversations["Service"]>
  readonly checks?: ReadonlyArray<HealthCheck>
  readonly admission?: Layer.Layer<Admission>
}

/** Serves as long as the scope is open. */
export const serve = Effect.fnUntraced(function* ({
  admission = NoLimits.layer,
  checks = [],
  conversations = {},
  ...options
}: EdgeOptions) {
  return yield* listen({
    host: "127.0.0.1",
    port: 0,
    sharedPort: false,
    tls: { cert: undefined, key: undefined, ca: undefined },
    timeout: Duration.seconds(20),
    maxCalls: 100,
    perPeer: { rate: undefined, maxCalls: 100 },
    trustedProxies: [],
    maxMessageBytes: 64 * 1024,
    reflection: true,
    ...options
  }).pipe(
    Effect.provide([
      Layer.mock(PeerConversations, conversations),
      Layer.mock(Conversations, { post: () => undefined }),
      Layer.succeed(Health, { checks }),
      MemoryAuditLog.layer,
      admission,
      verifier
    ]),
    // What is meant to fail here would fill the report.
    Effect.provideService(References.MinimumLogLevel, "None")
  )
})
