/** The media that messages show, served by the application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import { attachmentItem } from "../../Views.ts"
import { Api } from "../Api.ts"
import * as AttachmentCursor from "../AttachmentCursor.ts"
import { CurrentIdentity } from "../Authorization.ts"
import * as MessageChange from "../MessageChange.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "attachments",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations
    const change = yield* MessageChange.make

    return handlers.handleAll({
      all: Effect.fn("Rest.attachments.all")(function* ({ params, query }) {
        const found = yield* conversations.attachments(yield* CurrentIdentity, params.conversation_id, {
          before: yield* Effect.fromResult(AttachmentCursor.decode(query.cursor)),
          limit: query.limit ?? DEFAULT_PAGE
        })
        return { items: found.items.map(attachmentItem), next_cursor: AttachmentCursor.next(found) }
      }, answerRefusals),

      list: Effect.fn("Rest.attachments.list")(function* ({ params }) {
        const { attachments } = yield* conversations.message(
          yield* CurrentIdentity,
          params.conversation_id,
          params.message_id
        )
        return { items: attachments, next_cursor: null }
      }, answerRefusals),

      link: Effect.fn("Rest.attachments.link")(function* ({ params, payload }) {
        return yield* change.answer(params, { kind: "attach", attachment: payload }, 201)
      }, answerRefusals)
    })
  })
)
