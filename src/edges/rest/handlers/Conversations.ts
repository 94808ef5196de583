/** The `conversations` resource, served by the application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import type { ConversationId } from "../../../domain/Ids.ts"
import type { ListFilter } from "../../../domain/ports/ConversationStore.ts"
import { conversationItem } from "../../Views.ts"
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

    const pageOf = Effect.fnUntraced(function* (
      query: { readonly cursor?: string; readonly limit?: number },
      filter: ListFilter
    ) {
      const { items, nextCursor } = yield* conversations.list(yield* CurrentIdentity, {
        ...filter,
        cursor: query.cursor,
        limit: query.limit ?? DEFAULT_PAGE
      })
      return { items: items.map(conversationItem), next_cursor: nextCursor }
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

      list: ({ query }) =>
        pageOf(query, query.archived === undefined ? {} : { archived: query.archived === "true" }),

      search: ({ query }) => pageOf(query, { text: query.q, memberId: query.member_id }),

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
