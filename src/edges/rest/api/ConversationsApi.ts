/** The `conversations` resource: what it takes and what it answers. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { ConversationItem, page, pageQuery, SearchConversations } from "../../../domain/Answers.ts"
import { DeleteScope } from "../../../domain/ChangeRequests.ts"
import { CreateConversation, UpToHere } from "../../../domain/Commands.ts"
import { ConversationView, ReadPosition } from "../../../domain/Conversation.ts"
import { ConversationId } from "../../../domain/Ids.ts"
import { Metadata } from "../../../domain/Message.ts"
import { problems } from "../Problem.ts"

export const UpdateConversation = Schema.Struct({ metadata: Metadata }).annotate({
  identifier: "UpdateConversation"
})

const params = { conversation_id: ConversationId }

/** Of what can be changed of a conversation: its metadata and its settings. */
export const ConversationTag = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^(?:\*|"[\w-]{22}")$/, { expected: "an ETag of the conversation, or *" }))
)

const update = {
  params,
  headers: { "if-match": Schema.optionalKey(ConversationTag) },
  payload: UpdateConversation,
  success: ConversationView,
  error: problems(403, 409, 413, 422, 429, 503)
}

const updated =
  "By the owner and admins of a group, or both of a direct conversation. With `If-Match`, a conversation that has changed since answers 409 and stays as it is."

/** A query's words: `true`, `false`. */
const Flag = Schema.Literals(["true", "false"])

export class ConversationsApi extends HttpApiGroup.make("conversations")
  .add(
    HttpApiEndpoint.post("create", "/conversations", {
      payload: CreateConversation,
      success: [ConversationView.pipe(HttpApiSchema.status(201)), ConversationView],
      error: problems(403, 409, 413, 422, 429, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Create a conversation",
        description:
          "The caller becomes a member and the owner. A second direct conversation of the same pair answers the first, with 200."
      })
    ),
    HttpApiEndpoint.get("list", "/conversations", {
      query: { ...pageQuery, archived: Schema.optionalKey(Flag) },
      success: page(ConversationItem),
      error: problems(503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "My conversations: pinned ones, then the most recently active first",
        description: "With `archived`, only those that are archived, or only those that are not."
      })
    ),
    HttpApiEndpoint.get("search", "/conversations/search", {
      query: SearchConversations,
      success: page(ConversationItem),
      error: problems(503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Search in my conversations",
        description:
          "By a part of the `name` or `title` in their metadata (`q`), by who is in them (`member_id`), or by both; archived ones as well."
      })
    ),
    HttpApiEndpoint.get("show", "/conversations/:conversation_id", {
      params,
      success: ConversationView,
      error: problems(403, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "One conversation",
        description: "Its `ETag` is for the `If-Match` of a change of its metadata or its settings."
      })
    ),
    HttpApiEndpoint.delete("remove", "/conversations/:conversation_id", {
      params,
      query: { scope: Schema.optionalKey(DeleteScope) },
      success: HttpApiSchema.NoContent,
      error: problems(403, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Delete a conversation",
        description:
          "`scope=me` (the default of a direct conversation): what there is now is gone for oneself, and the conversation until something new is said. `scope=everyone` (the default of a group): by its owner; all members are told (`conversation_deleted`)."
      })
    ),
    HttpApiEndpoint.post("leave", "/conversations/:conversation_id/leave", {
      params,
      success: HttpApiSchema.NoContent,
      error: problems(403, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Leave a group",
        description:
          "When its owner leaves, the admin who joined first becomes the owner, else the member who did. When the last one leaves, the group is deleted."
      })
    ),
    HttpApiEndpoint.put("replace", "/conversations/:conversation_id", update).annotateMerge(
      OpenApi.annotations({ summary: "Replace the conversation's metadata", description: updated })
    ),
    HttpApiEndpoint.patch("update", "/conversations/:conversation_id", update).annotateMerge(
      OpenApi.annotations({ summary: "Replace the conversation's metadata", description: updated })
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
