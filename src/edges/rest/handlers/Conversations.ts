/** The `conversations` resource, served by the application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import type { ConversationId } from "../../../domain/Ids.ts"
import { conversationPage } from "../../Views.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity, currentCaller } from "../Authorization.ts"
import * as ConversationAnswer from "../ConversationAnswer.ts"
import { newId } from "../Idempotency.ts"
import { expectedTag } from "../MessageChange.ts"
import { answerRefusals } from "../Problem.ts"
import * as RateLimitHeaders from "../RateLimitHeaders.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "conversations",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations
    const leftOf = yield* RateLimitHeaders.make

    const update = Effect.fnUntraced(function* ({
      headers,
      params,
      payload
    }: {
      readonly headers: { readonly "if-match"?: string }
      readonly params: { readonly conversation_id: ConversationId }
      readonly payload: { readonly metadata: Parameters<Conversations["Service"]["update"]>[2] }
    }) {
      const expected = expectedTag(headers["if-match"])
      const caller = yield* CurrentIdentity
      return ConversationAnswer.tagged(
        yield* conversations.update(caller, params.conversation_id, payload.metadata, expected)
      )
    }, answerRefusals)

    return handlers.handleAll({
      create: Effect.fn("Rest.conversations.create")(function* ({ payload }) {
        const caller = yield* CurrentIdentity
        const { conversation, created } = yield* conversations.create(caller, payload, yield* newId)
        return ConversationAnswer.created(conversation, {
          isNew: created,
          location: `/api/v1/conversations/${conversation.id}`,
          left: leftOf(caller, payload.type === "direct" ? "contact_add" : "group_creation")
        })
      }, answerRefusals),

      list: Effect.fnUntraced(function* ({ query: { archived, cursor, limit = DEFAULT_PAGE } }) {
        const filter = archived === undefined ? {} : { archived: archived === "true" }
        return conversationPage(
          yield* conversations.list(yield* CurrentIdentity, { ...filter, cursor, limit })
        )
      }, answerRefusals),

      search: Effect.fnUntraced(function* ({ query: { cursor, limit = DEFAULT_PAGE, member_id, q } }) {
        const wanted = { text: q, memberId: member_id, cursor, limit }
        return conversationPage(yield* conversations.find(yield* CurrentIdentity, wanted))
      }, answerRefusals),

      show: Effect.fn("Rest.conversations.show")(function* ({ params }) {
        return ConversationAnswer.tagged(
          yield* conversations.show(yield* CurrentIdentity, params.conversation_id)
        )
      }, answerRefusals),

      remove: Effect.fn("Rest.conversations.remove")(function* ({ params, query }) {
        const caller = yield* currentCaller
        const id = params.conversation_id
        const scope =
          query.scope ??
          ((yield* conversations.show(caller.identity, id)).type === "direct" ? "me" : "everyone")
        yield* scope === "me" ? conversations.clear(caller, id) : conversations.close(caller.identity, id)
      }, answerRefusals),

      leave: Effect.fn("Rest.conversations.leave")(function* ({ params }) {
        const caller = yield* CurrentIdentity
        yield* conversations.removeMember(caller, params.conversation_id, caller.userId)
      }, answerRefusals),

      replace: update,
      update,

      markAsRead: Effect.fn("Rest.conversations.markAsRead")(function* ({ params, payload }) {
        return yield* conversations.markRead(yield* currentCaller, params.conversation_id, payload ?? {})
      }, answerRefusals),

      delivered: Effect.fn("Rest.conversations.delivered")(function* ({ params, payload }) {
        return yield* conversations.markDelivered(yield* currentCaller, params.conversation_id, payload ?? {})
      }, answerRefusals)
    })
  })
)
