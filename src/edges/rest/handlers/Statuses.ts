/** The status of messages and conversations, served by the application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Statuses } from "../../../actors/conversation/Statuses.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "statuses",
  Effect.fnUntraced(function* (handlers) {
    const statuses = yield* Statuses
    return handlers.handleAll({
      message: Effect.fn("Rest.statuses.message")(function* ({ params }) {
        return yield* statuses.message(yield* CurrentIdentity, params.conversation_id, params.message_id)
      }, answerRefusals),

      conversation: Effect.fn("Rest.statuses.conversation")(function* ({ params, query }) {
        return yield* statuses.conversation(
          yield* CurrentIdentity,
          params.conversation_id,
          query.metrics ?? []
        )
      }, answerRefusals)
    })
  })
)
