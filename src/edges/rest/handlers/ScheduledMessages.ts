/** Messages that are sent later, served by their application service. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ScheduledMessages } from "../../../actors/conversation/ScheduledMessages.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import { clientRandomIn } from "../IdempotencyKey.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "scheduledMessages",
  Effect.fnUntraced(function* (handlers) {
    const schedule = yield* ScheduledMessages

    return handlers.handleAll({
      create: Effect.fn("Rest.scheduledMessages.create")(function* ({ headers, params, payload }) {
        const client_random = yield* clientRandomIn(payload, headers)
        const { created, scheduled } = yield* schedule.create(
          yield* CurrentIdentity,
          params.conversation_id,
          {
            ...payload,
            client_random
          }
        )
        return HttpServerResponse.jsonUnsafe(scheduled, {
          status: created ? 201 : 200,
          headers: { location: `/api/v1/scheduled-messages/${scheduled.id}` }
        })
      }, answerRefusals),

      list: Effect.fn("Rest.scheduledMessages.list")(function* ({ query }) {
        const { items, nextCursor } = yield* schedule.list(yield* CurrentIdentity, {
          cursor: query.cursor,
          limit: query.limit ?? DEFAULT_PAGE,
          status: query.status
        })
        return { items, next_cursor: nextCursor }
      }, answerRefusals),

      show: Effect.fn("Rest.scheduledMessages.show")(function* ({ params }) {
        return yield* schedule.show(yield* CurrentIdentity, params.scheduled_message_id)
      }, answerRefusals),

      update: Effect.fn("Rest.scheduledMessages.update")(function* ({ params, payload }) {
        return yield* schedule.update(yield* CurrentIdentity, params.scheduled_message_id, payload)
      }, answerRefusals),

      cancel: Effect.fn("Rest.scheduledMessages.cancel")(function* ({ params }) {
        return yield* schedule.cancel(yield* CurrentIdentity, params.scheduled_message_id)
      }, answerRefusals)
    })
  })
)
