/**
 * `Authorization: Bearer <token>` on everything under /api/v1. What an endpoint knows of its caller is the
 * verified identity; nothing in a path, query or body can name another one.
 */
import { Context, Effect, Layer } from "effect"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { shownAt } from "../../actors/session/ShownTokens.ts"
import type { Caller, Identity } from "../../domain/Identity.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { TokenVerifier } from "../../domain/ports/TokenVerifier.ts"
import { ClientAddress, placeOf } from "../ClientAddress.ts"
import { problems, respond } from "./Problem.ts"

export class CurrentIdentity extends Context.Service<CurrentIdentity, Identity>()(
  "messaging-service/edges/rest/CurrentIdentity"
) {}

/** The caller as the application service wants it: REST calls belong to no socket. */
export const currentCaller: Effect.Effect<Caller, never, CurrentIdentity> = Effect.map(
  CurrentIdentity,
  (identity) => ({ identity, sessionId: null })
)

/** In lower case, as OpenAPI's tools look for it; clients may write it as they like. */
const bearer = HttpApiSecurity.http({ scheme: "bearer" })

export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: CurrentIdentity }>()(
  "messaging-service/edges/rest/Authorization",
  { security: { bearer }, error: problems(401, 403, 429, 503) }
) {}

export const layer = Layer.effect(
  Authorization,
  Effect.gen(function* () {
    const verifier = yield* TokenVerifier
    const audit = yield* AuditLog
    const admission = yield* Admission
    return Authorization.of({
      bearer: (handler, { credential }) =>
        Effect.flatMap(ClientAddress, (address) =>
          Effect.matchEffect(shownAt({ audit, admission }, placeOf(address), verifier.verify(credential)), {
            onFailure: respond,
            onSuccess: (identity) => Effect.provideService(handler, CurrentIdentity, identity)
          })
        )
    })
  })
)
