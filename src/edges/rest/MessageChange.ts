/** One change of a message, asked for over HTTP: made by the application service, answered with the message itself. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { Conversations } from "../../actors/conversation/Conversations.ts"
import type { Change } from "../../domain/Changes.ts"
import type { ConversationId, MessageId } from "../../domain/Ids.ts"
import type { Message } from "../../domain/Message.ts"
import { currentCaller } from "./Authorization.ts"

export interface OneMessage {
  readonly conversation_id: ConversationId
  readonly message_id: MessageId
}

/** A message with its entity tag. */
export const tagged = (message: Message, status = 200) =>
  HttpServerResponse.jsonUnsafe(message, { status, headers: { etag: `"${message.version_seq}"` } })

/** What a checked `If-Match` asks for; `undefined` for anything. */
export const expectedTag = (entityTag: string | undefined): string | undefined =>
  entityTag === "*" ? undefined : entityTag

/** The version behind a checked `If-Match`; `null` for any. */
export const versionOf = (entityTag: string | undefined): number | null =>
  entityTag === undefined || entityTag === "*" ? null : Number(entityTag.slice(1, -1))

export const make = Effect.map(Conversations, (conversations) => {
  const apply = Effect.fnUntraced(function* (params: OneMessage, change: Change) {
    const caller = yield* currentCaller
    return yield* Effect.flatten(
      conversations.change(caller, params.conversation_id, params.message_id, change)
    )
  })

  /** Makes the change and answers the message as it is then; with `statusIfChanged` when it changed anything. */
  const answer = Effect.fnUntraced(function* (params: OneMessage, change: Change, statusIfChanged = 200) {
    const { changed } = yield* apply(params, change)
    const { identity } = yield* currentCaller
    const message = yield* conversations.message(identity, params.conversation_id, params.message_id)
    return tagged(message, changed ? statusIfChanged : 200)
  })

  return { apply, answer }
})
