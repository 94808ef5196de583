/** The `groups` resource: the calls of `conversations`, for those that are groups. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { NotFound } from "../../../domain/Errors.ts"
import type { ConversationId } from "../../../domain/Ids.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import * as ConversationAnswer from "../ConversationAnswer.ts"
import { newId } from "../Idempotency.ts"
import { expectedTag } from "../MessageChange.ts"
import { answerRefusals } from "../Problem.ts"
import * as RateLimitHeaders from "../RateLimitHeaders.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "groups",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations
    const leftOf = yield* RateLimitHeaders.make

    /** The caller, and the group as they see it. */
    const asMember = Effect.fnUntraced(function* (id: ConversationId) {
      const caller = yield* CurrentIdentity
      const group = yield* conversations.show(caller, id)
      if (group.type !== "group") return yield* new NotFound({ what: "group" })
      return { caller, group }
    })

    const update = Effect.fnUntraced(function* ({
      headers,
      params,
      payload
    }: {
      readonly headers: { readonly "if-match"?: string }
      readonly params: { readonly group_id: ConversationId }
      readonly payload: { readonly metadata: Parameters<Conversations["Service"]["update"]>[2] }
    }) {
      const { caller } = yield* asMember(params.group_id)
      const expected = expectedTag(headers["if-match"])
      return ConversationAnswer.tagged(
        yield* conversations.update(caller, params.group_id, payload.metadata, expected)
      )
    }, answerRefusals)

    return handlers.handleAll({
      create: Effect.fn("Rest.groups.create")(function* ({ payload }) {
        const caller = yield* CurrentIdentity
        const { conversation, created } = yield* conversations.create(
          caller,
          { ...payload, type: "group" },
          yield* newId
        )
        return ConversationAnswer.created(conversation, {
          isNew: created,
          location: `/api/v1/groups/${conversation.id}`,
          left: leftOf(caller, "group_creation")
        })
      }, answerRefusals),

      show: Effect.fn("Rest.groups.show")(function* ({ params }) {
        return ConversationAnswer.tagged((yield* asMember(params.group_id)).group)
      }, answerRefusals),

      replace: update,
      update,

      remove: Effect.fn("Rest.groups.remove")(function* ({ params }) {
        const { caller } = yield* asMember(params.group_id)
        yield* conversations.close(caller, params.group_id)
      }, answerRefusals),

      addMembers: Effect.fn("Rest.groups.addMembers")(function* ({ params, payload }) {
        const { caller } = yield* asMember(params.group_id)
        const items = yield* conversations.addMembers(caller, params.group_id, payload)
        return HttpServerResponse.jsonUnsafe(
          { items, next_cursor: null },
          { status: items.length === 0 ? 200 : 201 }
        )
      }, answerRefusals),

      removeMember: Effect.fn("Rest.groups.removeMember")(function* ({ params }) {
        const { caller } = yield* asMember(params.group_id)
        yield* conversations.removeMember(caller, params.group_id, params.user_id)
      }, answerRefusals),

      leave: Effect.fn("Rest.groups.leave")(function* ({ params }) {
        const { caller } = yield* asMember(params.group_id)
        yield* conversations.removeMember(caller, params.group_id, caller.userId)
      }, answerRefusals)
    })
  })
)
