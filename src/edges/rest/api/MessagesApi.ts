/** The messages of a conversation. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { HistoryQuery, page, SearchMessages } from "../../../domain/Answers.ts"
import { DeleteScope } from "../../../domain/ChangeRequests.ts"
import { SendMessage } from "../../../domain/Commands.ts"
import { ReadPosition } from "../../../domain/Conversation.ts"
import { ConversationId, MessageId } from "../../../domain/Ids.ts"
import { ClientRandom, Message, MessageMetadata } from "../../../domain/Message.ts"
import { RunsAgain } from "../Idempotency.ts"
import { problems } from "../Problem.ts"

const params = { conversation_id: ConversationId }
export const oneMessage = { ...params, message_id: MessageId }

/** As on a channel, but `client_random` may come from the `Idempotency-Key` header instead. */
const SendMessageBody = Schema.Struct({
  ...SendMessage.fields,
  client_random: Schema.optionalKey(ClientRandom)
}).annotate({ identifier: "SendMessageBody" })

const EditMessageBody = Schema.Struct({
  content: Schema.String,
  metadata: Schema.optionalKey(MessageMetadata)
}).annotate({ identifier: "EditMessageBody" })

/** An entity tag is the message's `version_seq`, quoted. */
const EntityTag = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^(?:\*|"[1-9]\d{0,14}")$/, { expected: 'an ETag such as "12", or *' }))
)

const IdempotencyKey = Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(255)))

export const idempotencyHeaders = { "idempotency-key": Schema.optionalKey(IdempotencyKey) }

const searchDescription = `The messages with all these words, the latest first. "Quoted words" stand side by side, \`or\` is either,
\`-word\` is without. Encrypted and encoded content is not searched; nor is what one has deleted for oneself.`

export class MessagesApi extends HttpApiGroup.make("messages")
  .add(
    HttpApiEndpoint.post("send", "/conversations/:conversation_id/messages", {
      params,
      headers: idempotencyHeaders,
      payload: SendMessageBody,
      success: [Message.pipe(HttpApiSchema.status(201)), Message],
      error: problems(403, 404, 413, 422, 429, 503)
    })
      .annotate(RunsAgain, true)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Send a message",
          description:
            "Answered only after the message is stored. Needs `client_random`, or an `Idempotency-Key` to make one of: a retry with the same answers the stored message, with 200."
        })
      ),
    HttpApiEndpoint.get("list", "/conversations/:conversation_id/messages", {
      params,
      query: HistoryQuery,
      success: page(Message),
      error: problems(403, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Page through the history",
        description:
          "The newest page without a position. Items are in ascending `seq`. `next_cursor` leads on in the same direction: to older messages, or with `after_seq` to newer ones."
      })
    ),
    HttpApiEndpoint.get("search", "/conversations/:conversation_id/messages/search", {
      params,
      query: SearchMessages,
      success: page(Message),
      error: problems(403, 429, 503)
    }).annotateMerge(
      OpenApi.annotations({ summary: "Search a conversation", description: searchDescription })
    ),
    HttpApiEndpoint.get("searchAll", "/messages/search", {
      query: SearchMessages,
      success: page(Message),
      error: problems(429, 503)
    }).annotateMerge(
      OpenApi.annotations({ summary: "Search all of one's conversations", description: searchDescription })
    ),
    HttpApiEndpoint.get("show", "/conversations/:conversation_id/messages/:message_id", {
      params: oneMessage,
      success: Message,
      error: problems(403, 404, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "One message",
        description: "Its `ETag` is its `version_seq`, for an edit's `If-Match`."
      })
    ),
    HttpApiEndpoint.patch("edit", "/conversations/:conversation_id/messages/:message_id", {
      params: oneMessage,
      headers: { "if-match": Schema.optionalKey(EntityTag) },
      payload: EditMessageBody,
      success: Message,
      error: problems(403, 404, 409, 413, 422, 429, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Edit one's own message",
        description:
          "Without `metadata` the message keeps its own. With `If-Match`, a version that is not the newest any more answers 409 and edits nothing."
      })
    ),
    HttpApiEndpoint.delete("remove", "/conversations/:conversation_id/messages/:message_id", {
      params: oneMessage,
      query: { scope: Schema.optionalKey(DeleteScope) },
      success: [Message, HttpApiSchema.NoContent],
      error: problems(403, 404, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Delete a message",
        description:
          "For oneself (the default; answers 204), or with `scope=everyone` for everybody: answers the tombstone, 200."
      })
    ),
    HttpApiEndpoint.post("markAsRead", "/conversations/:conversation_id/messages/:message_id/mark-as-read", {
      params: oneMessage,
      success: ReadPosition,
      error: problems(403, 404, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "Mark everything up to this message as read" })),
    HttpApiEndpoint.post("delivered", "/conversations/:conversation_id/messages/:message_id/delivered", {
      params: oneMessage,
      success: ReadPosition,
      error: problems(403, 404, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "Mark everything up to this message as delivered" }))
  )
  .annotateMerge(OpenApi.annotations({ title: "Messages" })) {}
