/** The members of a conversation. */
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { page, pageQuery } from "../../../domain/Answers.ts"
import { AddMembers, ChangeRole } from "../../../domain/Commands.ts"
import { MemberView } from "../../../domain/Conversation.ts"
import { ConversationId, UserId } from "../../../domain/Ids.ts"
import { problems } from "../Problem.ts"

const params = { conversation_id: ConversationId }

export class MembersApi extends HttpApiGroup.make("members")
  .add(
    HttpApiEndpoint.get("list", "/conversations/:conversation_id/members", {
      params,
      query: pageQuery,
      success: page(MemberView),
      error: problems(403, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Who is in the conversation",
        description: "In the order of their ids."
      })
    ),
    HttpApiEndpoint.post("add", "/conversations/:conversation_id/members", {
      params,
      payload: AddMembers,
      success: [page(MemberView).pipe(HttpApiSchema.status(201)), page(MemberView)],
      error: problems(403, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Add members",
        description: "Answers those who were no members before: 201, or 200 when there are none."
      })
    ),
    HttpApiEndpoint.patch("update", "/conversations/:conversation_id/members/:user_id", {
      params: { ...params, user_id: UserId },
      payload: ChangeRole,
      success: MemberView,
      error: problems(403, 404, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Change a member's role",
        description:
          "By the owner. Whom they make `owner` takes their place, and they become an admin. Everybody is told (`member_updated`)."
      })
    ),
    HttpApiEndpoint.delete("remove", "/conversations/:conversation_id/members/:user_id", {
      params: { ...params, user_id: UserId },
      success: HttpApiSchema.NoContent,
      error: problems(403, 404, 409, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "Remove a member; removing oneself is leaving" }))
  )
  .annotateMerge(OpenApi.annotations({ title: "Members" })) {}
