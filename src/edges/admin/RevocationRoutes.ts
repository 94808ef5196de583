/** Revoking the tokens of others, served by the Revocations of this service. */
import { Clock, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Revocations } from "../../actors/session/Revocations.ts"
import type { Revocation } from "../../domain/Revocation.ts"
import { CurrentIdentity } from "../rest/Authorization.ts"
import { answerRefusals } from "../rest/Problem.ts"
import { AdminApi } from "./AdminApi.ts"
import { makeAdminOnly } from "./AdminOnly.ts"

export const layer = HttpApiBuilder.group(
  AdminApi,
  "revocations",
  Effect.fnUntraced(function* (handlers) {
    const revocations = yield* Revocations
    const adminOnly = yield* makeAdminOnly
    return handlers.handleAll({
      create: Effect.fn("Admin.revocations.create")(function* ({ payload }) {
        yield* adminOnly
        const before = yield* Clock.currentTimeMillis
        const revocation: Revocation =
          "token_id" in payload
            ? { kind: "token", token_id: payload.token_id, before }
            : payload.device_id === undefined
              ? { kind: "user", user_id: payload.user_id, before }
              : { kind: "device", user_id: payload.user_id, device_id: payload.device_id, before }
        yield* revocations.revoke(yield* CurrentIdentity, revocation)
        return { ...revocation, before: new Date(before).toISOString() }
      }, answerRefusals)
    })
  })
)
