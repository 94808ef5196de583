/** The settings of a conversation and one's own in it, served by the application service. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { tagOf } from "../../../actors/conversation/ConversationTag.ts"
import type { UpdateMemberSettings } from "../../../domain/ConversationSettings.ts"
import type { ConversationId } from "../../../domain/Ids.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity, currentCaller } from "../Authorization.ts"
import { expectedTag } from "../MessageChange.ts"
import { answerRefusals } from "../Problem.ts"

interface One {
  readonly params: { readonly conversation_id: ConversationId }
}

export const layer = HttpApiBuilder.group(
  Api,
  "settings",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations

    const mine = (id: ConversationId, settings: UpdateMemberSettings) =>
      Effect.flatMap(currentCaller, (caller) => conversations.updateMySettings(caller, id, settings)).pipe(
        answerRefusals
      )

    const setting =
      (settings: UpdateMemberSettings) =>
      ({ params }: One) =>
        mine(params.conversation_id, settings)

    return handlers.handleAll({
      show: Effect.fn("Rest.settings.show")(function* ({ params }) {
        const conversation = yield* conversations.show(yield* CurrentIdentity, params.conversation_id)
        return HttpServerResponse.jsonUnsafe(conversation.settings, {
          headers: { etag: tagOf(conversation) }
        })
      }, answerRefusals),

      update: Effect.fn("Rest.settings.update")(function* ({ headers, params, payload }) {
        const conversation = yield* conversations.configure(
          yield* CurrentIdentity,
          params.conversation_id,
          payload,
          expectedTag(headers["if-match"])
        )
        return HttpServerResponse.jsonUnsafe(conversation.settings, {
          headers: { etag: tagOf(conversation) }
        })
      }, answerRefusals),

      mine: Effect.fn("Rest.settings.mine")(function* ({ params }) {
        return yield* conversations.mySettings(yield* CurrentIdentity, params.conversation_id)
      }, answerRefusals),

      updateMine: ({ params, payload }) => mine(params.conversation_id, payload),

      archive: setting({ archived: true }),
      unarchive: setting({ archived: false }),
      pin: setting({ pinned: true }),
      unpin: setting({ pinned: false })
    })
  })
)
