/** The media that messages show, served by the application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Conversations } from "../../../actors/Conversations.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import { InvalidInput } from "../../../domain/Errors.ts"
import type { AttachmentPlace, PlacedAttachment } from "../../../domain/ports/MessageStore.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import * as MessageChange from "../MessageChange.ts"
import { answerRefusals } from "../Problem.ts"

const cursorPattern = /^(\d{1,15})-(\d{1,4})$/

const foreign = new InvalidInput({ issues: [{ path: "cursor", message: "This cursor is not one of ours" }] })

const placeOf = Effect.fnUntraced(function* (
  cursor: string | undefined
): Effect.fn.Return<AttachmentPlace | undefined, InvalidInput> {
  if (cursor === undefined) return undefined
  const [, seq, position] = cursorPattern.exec(cursor) ?? []
  if (seq === undefined) return yield* foreign
  return { seq: Number(seq), position: Number(position) }
})

const toItem = ({ attachment, messageId, senderId, sentAt, seq }: PlacedAttachment) => ({
  ...attachment,
  message_id: messageId,
  seq,
  sender_id: senderId,
  sent_at: new Date(sentAt).toISOString()
})

export const layer = HttpApiBuilder.group(
  Api,
  "attachments",
  Effect.fnUntraced(function* (handlers) {
    const conversations = yield* Conversations
    const change = yield* MessageChange.make

    return handlers.handleAll({
      all: Effect.fn("Rest.attachments.all")(function* ({ params, query }) {
        const { hasMore, items } = yield* conversations.attachments(
          yield* CurrentIdentity,
          params.conversation_id,
          { before: yield* placeOf(query.cursor), limit: query.limit ?? DEFAULT_PAGE }
        )
        const last = items.at(-1)
        return {
          items: items.map(toItem),
          next_cursor: hasMore && last !== undefined ? `${last.seq}-${last.position}` : null
        }
      }, answerRefusals),

      list: Effect.fn("Rest.attachments.list")(function* ({ params }) {
        const { attachments } = yield* conversations.message(
          yield* CurrentIdentity,
          params.conversation_id,
          params.message_id
        )
        return { items: attachments, next_cursor: null }
      }, answerRefusals),

      link: Effect.fn("Rest.attachments.link")(function* ({ params, payload }) {
        return yield* change.answer(params, { kind: "attach", attachment: payload }, 201)
      }, answerRefusals)
    })
  })
)
