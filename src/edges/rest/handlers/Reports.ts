/** Reports, served by their application service. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Reports } from "../../../actors/conversation/Reports.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import { newId } from "../Idempotency.ts"
import { answerRefusals } from "../Problem.ts"
import * as RateLimitHeaders from "../RateLimitHeaders.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "reports",
  Effect.fnUntraced(function* (handlers) {
    const reports = yield* Reports
    const leftOf = yield* RateLimitHeaders.make
    return handlers.handleAll({
      create: Effect.fn("Rest.reports.create")(function* ({ payload }) {
        const caller = yield* CurrentIdentity
        const report = yield* reports.file(caller, payload, yield* newId)
        return HttpServerResponse.jsonUnsafe(report, { status: 201, headers: leftOf(caller, "report") })
      }, answerRefusals)
    })
  })
)
