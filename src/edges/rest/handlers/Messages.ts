/** The messages of a conversation, served by the application service. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import type { ConversationId } from "../../../domain/Ids.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity, currentCaller } from "../Authorization.ts"
import { nextCursor, toHistory } from "../HistoryCursor.ts"
import { clientRandomIn } from "../IdempotencyKey.ts"
import * as MessageChange from "../MessageChange.ts"
import { answerRefusals } from "../Problem.ts"
import * as RateLimitHeaders from "../RateLimitHeaders.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "messages",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations
    const change = yield* MessageChange.make
    const leftOf = yield* RateLimitHeaders.make

    const search = Effect.fnUntraced(function* (
      query: { readonly q: string; readonly cursor?: string; readonly limit?: number },
      id?: ConversationId
    ) {
      const { items, nextCursor } = yield* conversations.search(yield* CurrentIdentity, id, {
        text: query.q,
        cursor: query.cursor,
        limit: query.limit ?? DEFAULT_PAGE
      })
      return HttpServerResponse.jsonUnsafe({ items, next_cursor: nextCursor })
    })

    return handlers.handleAll({
      send: Effect.fn("Rest.messages.send")(function* ({ headers, params, payload }) {
        const client_random = yield* clientRandomIn(payload, headers)
        const caller = yield* currentCaller
        const id = params.conversation_id
        const sent = yield* conversations.send(caller, id, { ...payload, client_random })
        const message = yield* conversations.message(caller.identity, id, sent.message_id)
        return HttpServerResponse.jsonUnsafe(message, {
          status: sent.duplicate ? 200 : 201,
          headers: {
            location: `/api/v1/conversations/${id}/messages/${message.id}`,
            ...leftOf(caller.identity, "message")
          }
        })
      }, answerRefusals),

      list: Effect.fn("Rest.messages.list")(function* ({ params, query }) {
        const asked = yield* Effect.fromResult(toHistory(query))
        const page = yield* conversations.history(yield* CurrentIdentity, params.conversation_id, asked)
        // Printed as it is: checking fifty messages once more would add two thirds to the cost of the request.
        return HttpServerResponse.jsonUnsafe({ items: page.items, next_cursor: nextCursor(asked, page) })
      }, answerRefusals),

      search: Effect.fn("Rest.messages.search")(function* ({ params, query }) {
        return yield* search(query, params.conversation_id)
      }, answerRefusals),

      searchAll: Effect.fn("Rest.messages.searchAll")(function* ({ query }) {
        return yield* search(query)
      }, answerRefusals),

      show: Effect.fn("Rest.messages.show")(function* ({ params }) {
        const identity = yield* CurrentIdentity
        return MessageChange.tagged(
          yield* conversations.message(identity, params.conversation_id, params.message_id)
        )
      }, answerRefusals),

      edit: Effect.fn("Rest.messages.edit")(function* ({ headers, params, payload }) {
        return yield* change.answer(params, {
          kind: "edit",
          content: payload.content,
          metadata: payload.metadata ?? null,
          expected: MessageChange.versionOf(headers["if-match"])
        })
      }, answerRefusals),

      remove: Effect.fn("Rest.messages.remove")(function* ({ params, query }) {
        if (query.scope === "everyone") return yield* change.answer(params, { kind: "delete" })
        yield* change.apply(params, { kind: "hide" })
        return HttpServerResponse.empty()
      }, answerRefusals),

      markAsRead: Effect.fn("Rest.messages.markAsRead")(function* ({
        params: { conversation_id, message_id }
      }) {
        return yield* conversations.markRead(yield* currentCaller, conversation_id, { message_id })
      }, answerRefusals),

      delivered: Effect.fn("Rest.messages.delivered")(function* ({
        params: { conversation_id, message_id }
      }) {
        return yield* conversations.markDelivered(yield* currentCaller, conversation_id, { message_id })
      }, answerRefusals)
    })
  })
)
