/** The media that messages show. */
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { AttachmentItem, page, pageQuery } from "../../../domain/Answers.ts"
import { NewAttachment } from "../../../domain/Commands.ts"
import { ConversationId } from "../../../domain/Ids.ts"
import { Attachment, Message } from "../../../domain/Message.ts"
import { RunsAgain } from "../Idempotency.ts"
import { problems } from "../Problem.ts"
import { oneMessage } from "./MessagesApi.ts"

export class AttachmentsApi extends HttpApiGroup.make("attachments")
  .add(
    HttpApiEndpoint.get("all", "/conversations/:conversation_id/attachments", {
      params: { conversation_id: ConversationId },
      query: pageQuery,
      success: page(AttachmentItem),
      error: problems(403, 503)
    }).annotateMerge(
      OpenApi.annotations({ summary: "The attachments of all messages of a conversation, the latest first" })
    ),
    HttpApiEndpoint.get("list", "/conversations/:conversation_id/messages/:message_id/attachments", {
      params: oneMessage,
      success: page(Attachment),
      error: problems(403, 404, 503)
    }).annotateMerge(
      OpenApi.annotations({ summary: "The attachments of a message", description: "Always one page." })
    ),
    HttpApiEndpoint.post("link", "/conversations/:conversation_id/messages/:message_id/attachments", {
      params: oneMessage,
      payload: NewAttachment,
      success: [Message.pipe(HttpApiSchema.status(201)), Message],
      error: problems(403, 404, 409, 503)
    })
      .annotate(RunsAgain, true)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Attach a medium to one's own message",
          description: "Answers the message: 201, or 200 when the medium was attached already."
        })
      )
  )
  .annotateMerge(OpenApi.annotations({ title: "Attachments" })) {}
