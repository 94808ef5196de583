/** What is pinned in a conversation. */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { PinnedMessage, page } from "../../../domain/Answers.ts"
import { ConversationId } from "../../../domain/Ids.ts"
import { Message } from "../../../domain/Message.ts"
import { RunsAgain } from "../Idempotency.ts"
import { problems } from "../Problem.ts"
import { oneMessage } from "./MessagesApi.ts"

export class PinsApi extends HttpApiGroup.make("pins")
  .add(
    HttpApiEndpoint.get("list", "/conversations/:conversation_id/pinned-messages", {
      params: { conversation_id: ConversationId },
      success: page(PinnedMessage),
      error: problems(403, 503)
    }).annotateMerge(
      OpenApi.annotations({ summary: "What is pinned, newest first", description: "Always one page." })
    ),
    HttpApiEndpoint.post("pin", "/conversations/:conversation_id/messages/:message_id/pin", {
      params: oneMessage,
      success: Message,
      error: problems(403, 404, 409, 429, 503)
    })
      .annotate(RunsAgain, true)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Pin a message",
          description: "In a group by its owner and admins. Answers the message."
        })
      ),
    HttpApiEndpoint.delete("unpin", "/conversations/:conversation_id/messages/:message_id/pin", {
      params: oneMessage,
      success: Message,
      error: problems(403, 404, 429, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "Unpin a message; answers it" }))
  )
  .annotateMerge(OpenApi.annotations({ title: "Pinned messages" })) {}
