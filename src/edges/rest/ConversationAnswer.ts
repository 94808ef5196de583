/** A conversation as an answer over HTTP, whichever resource it was asked for by. */
import { HttpServerResponse } from "effect/http"
import { tagOf } from "../../actors/conversation/ConversationTag.ts"
import type { ConversationView } from "../../domain/Conversation.ts"

/** With its entity tag, for the `If-Match` of a change. */
export const tagged = (conversation: ConversationView) =>
  HttpServerResponse.jsonUnsafe(conversation, { headers: { etag: tagOf(conversation) } })

/** The answer to a creation; 200 where there was one already. */
export const created = (
  conversation: ConversationView,
  answer: { readonly isNew: boolean; readonly location: string; readonly left: Record<string, string> }
) =>
  HttpServerResponse.jsonUnsafe(conversation, {
    status: answer.isNew ? 201 : 200,
    headers: { location: answer.location, ...answer.left }
  })
