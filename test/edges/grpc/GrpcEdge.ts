/**
 * The gRPC edge on a real server of its own, over whatever a test puts behind it. Tokens are names here: `service` has
 * the scope of peers, any other name is a user.
 */
import { Duration, Effect, Layer, Redacted, References } from "effect"
import { Conversations } from "../../../src/actors/conversation/Conversations.ts"
import { PeerConversations } from "../../../src/actors/conversation/PeerConversations.ts"
import { Health, type HealthCheck } from "../../../src/domain/ports/Health.ts"
import { TokenVerifier } from "../../../src/domain/ports/TokenVerifier.ts"
import type { GrpcOptions } from "../../../src/edges/grpc/GrpcServer.ts"
import { listen } from "../../../src/edges/grpc/GrpcServer.ts"
import { identityOf } from "../rest/RestServer.ts"

const verifier = Layer.succeed(TokenVerifier, {
  verify: (token) =>
    Effect.succeed({
      ...identityOf(Redacted.value(token)),
      scopes: Redacted.value(token) === "service" ? ["service"] : ["admin"]
    })
})

export interface EdgeOptions extends Partial<GrpcOptions> {
  readonly conversations?: Partial<PeerConversations["Service"]>
  readonly checks?: ReadonlyArray<HealthCheck>
}

/** Serves as long as the scope is open. */
export const serve = Effect.fnUntraced(function* ({
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
    maxMessageBytes: 64 * 1024,
    reflection: true,
    ...options
  }).pipe(
    Effect.provide([
      Layer.mock(PeerConversations, conversations),
      Layer.mock(Conversations, { post: () => undefined }),
      Layer.succeed(Health, { checks }),
      verifier
    ]),
    // What is meant to fail here would fill the report.
    Effect.provideService(References.MinimumLogLevel, "None")
  )
})
