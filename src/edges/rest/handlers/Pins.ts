/** What is pinned in a conversation, served by the application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { pinnedMessage } from "../../Views.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import * as MessageChange from "../MessageChange.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "pins",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations
    const change = yield* MessageChange.make

    return handlers.handleAll({
      list: Effect.fn("Rest.pins.list")(function* ({ params }) {
        const pins = yield* conversations.pins(yield* CurrentIdentity, params.conversation_id)
        return { items: pins.map(pinnedMessage), next_cursor: null }
      }, answerRefusals),

      pin: Effect.fn("Rest.pins.pin")(function* ({ params }) {
        return yield* change.answer(params, { kind: "pin" })
      }, answerRefusals),

      unpin: Effect.fn("Rest.pins.unpin")(function* ({ params }) {
        return yield* change.answer(params, { kind: "unpin" })
      }, answerRefusals)
    })
  })
)
