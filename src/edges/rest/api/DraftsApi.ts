/** What one has begun to write, the same on all of one's devices. */
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { page, pageQuery } from "../../../domain/Answers.ts"
import { Draft, SaveDraft } from "../../../domain/Draft.ts"
import { ConversationId } from "../../../domain/Ids.ts"
import { problems } from "../Problem.ts"

const params = { conversation_id: ConversationId }

export class DraftsApi extends HttpApiGroup.make("drafts")
  .add(
    HttpApiEndpoint.get("list", "/drafts", {
      query: pageQuery,
      success: page(Draft),
      error: problems(503)
    }).annotateMerge(OpenApi.annotations({ summary: "My drafts, the latest first" })),
    HttpApiEndpoint.get("show", "/conversations/:conversation_id/draft", {
      params,
      success: Draft,
      error: problems(403, 404, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "My draft in a conversation" })),
    HttpApiEndpoint.put("save", "/conversations/:conversation_id/draft", {
      params,
      payload: SaveDraft,
      success: Draft,
      error: problems(403, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Save my draft in a conversation",
        description: "Replaces the one before. My other devices get a `draft_updated`."
      })
    ),
    HttpApiEndpoint.delete("remove", "/conversations/:conversation_id/draft", {
      params,
      success: HttpApiSchema.NoContent,
      error: problems(503)
    }).annotateMerge(OpenApi.annotations({ summary: "Throw my draft away" }))
  )
  .annotateMerge(OpenApi.annotations({ title: "Drafts" })) {}
