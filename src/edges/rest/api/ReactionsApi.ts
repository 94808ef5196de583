/** The reactions to a message. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { page } from "../../../domain/Answers.ts"
import { ReactionKey } from "../../../domain/Changes.ts"
import { Message, Reaction } from "../../../domain/Message.ts"
import { RunsAgain } from "../Idempotency.ts"
import { problems } from "../Problem.ts"
import { oneMessage } from "./MessagesApi.ts"

const NewReaction = Schema.Struct({ reaction: ReactionKey }).annotate({ identifier: "NewReaction" })

export class ReactionsApi extends HttpApiGroup.make("reactions")
  .add(
    HttpApiEndpoint.get("list", "/conversations/:conversation_id/messages/:message_id/reactions", {
      params: oneMessage,
      success: page(Reaction),
      error: problems(403, 404, 503)
    }).annotateMerge(
      OpenApi.annotations({ summary: "Who reacted, and how", description: "Always one page." })
    ),
    HttpApiEndpoint.post("add", "/conversations/:conversation_id/messages/:message_id/reactions", {
      params: oneMessage,
      payload: NewReaction,
      success: [Message.pipe(HttpApiSchema.status(201)), Message],
      error: problems(403, 404, 409, 429, 503)
    })
      .annotate(RunsAgain, true)
      .annotateMerge(
        OpenApi.annotations({
          summary: "React to a message",
          description:
            "With an emoji or a short code. Answers the message: 201, or 200 when the reaction was there."
        })
      ),
    HttpApiEndpoint.delete(
      "remove",
      "/conversations/:conversation_id/messages/:message_id/reactions/:reaction",
      {
        params: { ...oneMessage, reaction: ReactionKey },
        success: Message,
        error: problems(403, 404, 429, 503)
      }
    ).annotateMerge(
      OpenApi.annotations({
        summary: "Take one's reaction back",
        description: "Answers the message, also when the reaction was not there."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Reactions" })) {}
