/** The members of a conversation, served by the application service. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import * as MemberCursor from "../MemberCursor.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "members",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations

    return handlers.handleAll({
      list: Effect.fn("Rest.members.list")(function* ({ params, query }) {
        const { hasMore, items } = yield* conversations.members(
          yield* CurrentIdentity,
          params.conversation_id,
          {
            after: yield* Effect.fromResult(MemberCursor.decode(query.cursor)),
            limit: query.limit ?? DEFAULT_PAGE
          }
        )
        return { items, next_cursor: MemberCursor.next(items, hasMore) }
      }, answerRefusals),

      add: Effect.fn("Rest.members.add")(function* ({ params, payload }) {
        const items = yield* conversations.addMembers(yield* CurrentIdentity, params.conversation_id, payload)
        return HttpServerResponse.jsonUnsafe(
          { items, next_cursor: null },
          { status: items.length === 0 ? 200 : 201 }
        )
      }, answerRefusals),

      update: Effect.fn("Rest.members.update")(function* ({ params, payload }) {
        return yield* conversations.changeRole(
          yield* CurrentIdentity,
          params.conversation_id,
          params.user_id,
          payload.role
        )
      }, answerRefusals),

      remove: Effect.fn("Rest.members.remove")(function* ({ params }) {
        yield* conversations.removeMember(yield* CurrentIdentity, params.conversation_id, params.user_id)
      }, answerRefusals)
    })
  })
)
