/** Health, from the checks the application registered. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Health, report } from "../../../domain/ports/Health.ts"
import { Api } from "../Api.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const { checks } = yield* Health

    const show = () =>
      Effect.map(report(checks), (body) =>
        HttpServerResponse.jsonUnsafe(body, { status: body.status === "down" ? 503 : 200 })
      )

    return handlers.handleAll({
      show,
      ready: show,
      live: () => Effect.succeed({ status: "up" as const })
    })
  })
)
