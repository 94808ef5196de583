/** The members of a conversation, served by the application service. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/Conversations.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "members",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations

    return handlers.handleAll({
      list: Effect.fn("Rest.members.list")(function* ({ params }) {
        const items = yield* conversations.members(yield* CurrentIdentity, params.conversation_id)
        return { items, next_cursor: null }
      }, answerRefusals),

      add: Effect.fn("Rest.members.add")(function* ({ params, payload }) {
        const items = yield* conversations.addMembers(yield* CurrentIdentity, params.conversation_id, payload)
        return HttpServerResponse.jsonUnsafe(
          { items, next_cursor: null },
          { status: items.length === 0 ? 200 : 201 }
        )
      }, answerRefusals),

      remove: Effect.fn("Rest.members.remove")(function* ({ params }) {
        yield* conversations.removeMember(yield* CurrentIdentity, params.conversation_id, params.user_id)
      }, answerRefusals)
    })
  })
)
