/** Drafts, served by their application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Drafts } from "../../../actors/user/Drafts.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "drafts",
  Effect.fnUntraced(function* (handlers) {
    const drafts = yield* Drafts

    return handlers.handleAll({
      list: Effect.fn("Rest.drafts.list")(function* ({ query }) {
        const { items, nextCursor } = yield* drafts.list(yield* CurrentIdentity, {
          cursor: query.cursor,
          limit: query.limit ?? DEFAULT_PAGE
        })
        return { items, next_cursor: nextCursor }
      }, answerRefusals),

      show: Effect.fn("Rest.drafts.show")(function* ({ params }) {
        return yield* drafts.show(yield* CurrentIdentity, params.conversation_id)
      }, answerRefusals),

      save: Effect.fn("Rest.drafts.save")(function* ({ params, payload }) {
        return yield* drafts.save(yield* CurrentIdentity, params.conversation_id, payload)
      }, answerRefusals),

      remove: Effect.fn("Rest.drafts.remove")(function* ({ params }) {
        yield* drafts.remove(yield* CurrentIdentity, params.conversation_id)
      }, answerRefusals)
    })
  })
)
