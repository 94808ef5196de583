/** Messages that are sent later. Only their sender sees them. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { page } from "../../../domain/Answers.ts"
import { ConversationId, MessageId } from "../../../domain/Ids.ts"
import { ClientRandom } from "../../../domain/Message.ts"
import { Reschedule, ScheduledMessage, ScheduleMessage, scheduledQuery } from "../../../domain/Scheduled.ts"
import { RunsAgain } from "../Idempotency.ts"
import { problems } from "../Problem.ts"
import { idempotencyHeaders } from "./MessagesApi.ts"

/** `client_random` may come from the `Idempotency-Key` header instead. */
const ScheduleMessageBody = Schema.Struct({
  ...ScheduleMessage.fields,
  client_random: Schema.optionalKey(ClientRandom)
}).annotate({ identifier: "ScheduleMessageBody" })

/** A UUID, as a message's. */
const one = { scheduled_message_id: MessageId }

export class ScheduledMessagesApi extends HttpApiGroup.make("scheduledMessages")
  .add(
    HttpApiEndpoint.post("create", "/conversations/:conversation_id/scheduled-messages", {
      params: { conversation_id: ConversationId },
      headers: idempotencyHeaders,
      payload: ScheduleMessageBody,
      success: [ScheduledMessage.pipe(HttpApiSchema.status(201)), ScheduledMessage],
      error: problems(403, 409, 413, 503)
    })
      .annotate(RunsAgain, true)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Schedule a message",
          description:
            "It is sent at `scheduled_for`, or soon after, once, and judged by what holds then. A retry with the same `client_random` or `Idempotency-Key` answers the first, with 200."
        })
      ),
    HttpApiEndpoint.get("list", "/scheduled-messages", {
      query: scheduledQuery,
      success: page(ScheduledMessage),
      error: problems(503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "My scheduled messages, by their time",
        description: "With `status`, those alone: `pending` are the ones that are still to be sent."
      })
    ),
    HttpApiEndpoint.get("show", "/scheduled-messages/:scheduled_message_id", {
      params: one,
      success: ScheduledMessage,
      error: problems(404, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "One of my scheduled messages" })),
    HttpApiEndpoint.patch("update", "/scheduled-messages/:scheduled_message_id", {
      params: one,
      payload: Reschedule,
      success: ScheduledMessage,
      error: problems(404, 409, 413, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Change a scheduled message, or its time",
        description: "409 once it is sent, being sent, cancelled or has failed."
      })
    ),
    HttpApiEndpoint.delete("cancel", "/scheduled-messages/:scheduled_message_id", {
      params: one,
      success: ScheduledMessage,
      error: problems(404, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Cancel a scheduled message",
        description: "Answers it, cancelled: it will not be sent. 409 when that cannot be promised any more."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Scheduled messages" })) {}
