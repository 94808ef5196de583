/** The `conversations` resource: what it takes and what it answers. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { CreateConversation } from "../../../domain/Commands.ts"
import { ConversationView, ReadPosition, Role } from "../../../domain/Conversation.ts"
import { ConversationId, MessageId } from "../../../domain/Ids.ts"
import { Metadata, Position } from "../../../domain/Message.ts"
import { problems } from "../Problem.ts"
import { page, pageQuery } from "./Paging.ts"

/** A conversation in one's own list, with one's own position in it. */
export const ConversationItem = Schema.Struct({
  ...ConversationView.fields,
  role: Role,
  last_read_seq: Position,
  unread_count: Schema.Int,
  unread_mentions: Schema.Int
}).annotate({ identifier: "ConversationItem" })
export type ConversationItem = typeof ConversationItem.Type

const UpdateConversation = Schema.Struct({ metadata: Metadata }).annotate({
  identifier: "UpdateConversation"
})

/** Up to where: a `seq`, a message, or (without either, or without a body) everything there is now. */
const UpToHere = Schema.Struct({
  seq: Schema.optionalKey(Position),
  message_id: Schema.optionalKey(MessageId)
}).annotate({ identifier: "UpToHere" })
export type UpToHere = typeof UpToHere.Type | null

const params = { conversation_id: ConversationId }

const update = {
  params,
  payload: UpdateConversation,
  success: ConversationView,
  error: problems(403, 404, 503)
}

export class ConversationsApi extends HttpApiGroup.make("conversations")
  .add(
    HttpApiEndpoint.post("create", "/conversations", {
      payload: CreateConversation,
      success: [ConversationView.pipe(HttpApiSchema.status(201)), ConversationView],
      error: problems(403, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Create a conversation",
        description:
          "The caller becomes a member and the owner. A second direct conversation of the same pair answers the first, with 200."
      })
    ),
    HttpApiEndpoint.get("list", "/conversations", {
      query: pageQuery,
      success: page(ConversationItem),
      error: problems(503)
    }).annotateMerge(OpenApi.annotations({ summary: "My conversations, the most recently active first" })),
    HttpApiEndpoint.get("show", "/conversations/:conversation_id", {
      params,
      success: ConversationView,
      error: problems(403, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "One conversation" })),
    HttpApiEndpoint.put("replace", "/conversations/:conversation_id", update).annotateMerge(
      OpenApi.annotations({ summary: "Replace the conversation's metadata" })
    ),
    HttpApiEndpoint.patch("update", "/conversations/:conversation_id", update).annotateMerge(
      OpenApi.annotations({ summary: "Replace the conversation's metadata" })
    ),
    HttpApiEndpoint.post("markAsRead", "/conversations/:conversation_id/mark-as-read", {
      params,
      payload: [UpToHere, Schema.Null],
      success: ReadPosition,
      error: problems(403, 404, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "Mark messages as read; answers my position" })),
    HttpApiEndpoint.post("delivered", "/conversations/:conversation_id/delivered", {
      params,
      payload: [UpToHere, Schema.Null],
      success: ReadPosition,
      error: problems(403, 404, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "Mark messages as delivered; answers my position" }))
  )
  .annotateMerge(OpenApi.annotations({ title: "Conversations" })) {}
