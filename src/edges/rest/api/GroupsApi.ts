/** Groups under paths of their own: the same conversations, by the same rules, and no direct ones. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { page } from "../../../domain/Answers.ts"
import { AddMembers, CreateGroup } from "../../../domain/Commands.ts"
import { ConversationView, MemberView } from "../../../domain/Conversation.ts"
import { ConversationId, UserId } from "../../../domain/Ids.ts"
import { problems } from "../Problem.ts"
import { ConversationTag, UpdateConversation } from "./ConversationsApi.ts"

const params = { group_id: ConversationId }

const update = {
  params,
  headers: { "if-match": Schema.optionalKey(ConversationTag) },
  payload: UpdateConversation,
  success: ConversationView,
  error: problems(403, 404, 409, 413, 422, 429, 503)
}

const updated =
  "By its owner and admins. With `If-Match`, a group that has changed since answers 409 and stays as it is."

export class GroupsApi extends HttpApiGroup.make("groups")
  .add(
    HttpApiEndpoint.post("create", "/groups", {
      payload: CreateGroup,
      success: [ConversationView.pipe(HttpApiSchema.status(201)), ConversationView],
      error: problems(403, 409, 413, 422, 429, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Create a group",
        description:
          "The caller becomes its owner. `external_group_id` is the caller's own name for it: used again, it answers the group that there is, as it is, with 200; 409 when they are no longer in it."
      })
    ),
    HttpApiEndpoint.get("show", "/groups/:group_id", {
      params,
      success: ConversationView,
      error: problems(403, 404, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "One group" })),
    HttpApiEndpoint.put("replace", "/groups/:group_id", update).annotateMerge(
      OpenApi.annotations({ summary: "Replace the group's metadata", description: updated })
    ),
    HttpApiEndpoint.patch("update", "/groups/:group_id", update).annotateMerge(
      OpenApi.annotations({ summary: "Replace the group's metadata", description: updated })
    ),
    HttpApiEndpoint.delete("remove", "/groups/:group_id", {
      params,
      success: HttpApiSchema.NoContent,
      error: problems(403, 404, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Delete a group for everyone",
        description: "By its owner; all members are told (`conversation_deleted`)."
      })
    ),
    HttpApiEndpoint.post("addMembers", "/groups/:group_id/members", {
      params,
      payload: AddMembers,
      success: [page(MemberView).pipe(HttpApiSchema.status(201)), page(MemberView)],
      error: problems(403, 404, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Add members to a group",
        description: "Answers those who were no members before: 201, or 200 when there are none."
      })
    ),
    HttpApiEndpoint.delete("removeMember", "/groups/:group_id/members/:user_id", {
      params: { ...params, user_id: UserId },
      success: HttpApiSchema.NoContent,
      error: problems(403, 404, 409, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "Remove a member; removing oneself is leaving" })),
    HttpApiEndpoint.post("leave", "/groups/:group_id/leave", {
      params,
      success: HttpApiSchema.NoContent,
      error: problems(403, 404, 409, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "Leave a group, as under `conversations`" }))
  )
  .annotateMerge(OpenApi.annotations({ title: "Groups" })) {}
