/** `POST /dev/token` and the dev issuer's JWKS. Whoever composes the application decides whether they exist. */
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { DevIssuer } from "../../domain/ports/DevIssuer.ts"
import { DevApi } from "./api/DevApi.ts"
import * as InvalidRequests from "./InvalidRequests.ts"
import { answerRefusals } from "./Problem.ts"

const handlers = HttpApiBuilder.group(
  DevApi,
  "tokens",
  Effect.fnUntraced(function* (handlers) {
    const issuer = yield* DevIssuer
    return handlers.handleAll({
      issue: ({ payload }) => answerRefusals(issuer.issue(payload ?? {})),
      jwks: () => Effect.succeed(issuer.jwks)
    })
  })
)

/** Needs the DevIssuer. */
export const layer = HttpApiBuilder.layer(DevApi).pipe(
  Layer.provide(handlers),
  Layer.provide(InvalidRequests.layer)
)
