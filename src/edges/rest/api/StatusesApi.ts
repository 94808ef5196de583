/** How far a message has come, and how things stand in a conversation. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ConversationId } from "../../../domain/Ids.ts"
import { ConversationStatus, MessageStatus, StatsMetric } from "../../../domain/Statuses.ts"
import { problems } from "../Problem.ts"
import { oneMessage } from "./MessagesApi.ts"
import { commaSeparated } from "./Paging.ts"

export class StatusesApi extends HttpApiGroup.make("statuses")
  .add(
    HttpApiEndpoint.get("message", "/conversations/:conversation_id/messages/:message_id/status", {
      params: oneMessage,
      success: MessageStatus,
      error: problems(403, 404, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "How far a message has come",
        description:
          "Its recipients are those members who were there when it was sent; who has read it shows as read receipts allow, both ways. In a small conversation with the time of each; in a large one only in numbers, and `delivered_to` and `read_by` are null."
      })
    ),
    HttpApiEndpoint.get("conversation", "/conversations/:conversation_id/status", {
      params: { conversation_id: ConversationId },
      query: { metrics: Schema.optionalKey(commaSeparated(StatsMetric, StatsMetric.literals.length)) },
      success: ConversationStatus,
      error: problems(403, 404, 429, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "How things stand in a conversation",
        description:
          "All figures, or those of `metrics`, separated by commas. Counting messages (`message_count`) is limited like searching."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Statuses" })) {}
