/** Who is there, served by the application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { UserPresence } from "../../../actors/presence/UserPresence.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "presence",
  Effect.fnUntraced(function* (handlers) {
    const presence = yield* UserPresence
    return handlers.handleAll({
      list: Effect.fn("Rest.presence.list")(function* ({ query }) {
        return { items: yield* presence.of(yield* CurrentIdentity, query.user_ids), next_cursor: null }
      }, answerRefusals)
    })
  })
)
