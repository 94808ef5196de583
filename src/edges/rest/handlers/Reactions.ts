/** The reactions to a message, served by the application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import * as MessageChange from "../MessageChange.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "reactions",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations
    const change = yield* MessageChange.make

    return handlers.handleAll({
      list: Effect.fn("Rest.reactions.list")(function* ({ params }) {
        const { reactions } = yield* conversations.message(
          yield* CurrentIdentity,
          params.conversation_id,
          params.message_id
        )
        return { items: reactions, next_cursor: null }
      }, answerRefusals),

      add: Effect.fn("Rest.reactions.add")(function* ({ params, payload }) {
        return yield* change.answer(params, { kind: "react", reaction: payload.reaction }, 201)
      }, answerRefusals),

      remove: Effect.fn("Rest.reactions.remove")(function* ({ params }) {
        return yield* change.answer(params, { kind: "unreact", reaction: params.reaction })
      }, answerRefusals)
    })
  })
)
