/** Messages, sent now or later, and what may be changed of them, served by the application services. */
import { Effect, type Schema } from "effect"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { ScheduledMessages } from "../../../actors/conversation/ScheduledMessages.ts"
import { Statuses } from "../../../actors/conversation/Statuses.ts"
import { changeOf } from "../../../domain/ChangeRequests.ts"
import type { Change } from "../../../domain/Changes.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import type { ConversationId, MessageId } from "../../../domain/Ids.ts"
import * as Rpcs from "../../../rpc/MessageRpcs.ts"
import * as AttachmentCursor from "../../rest/AttachmentCursor.ts"
import { nextCursor, toHistory } from "../../rest/HistoryCursor.ts"
import { attachmentItem, pinnedMessage } from "../../Views.ts"
import { answer } from "../Answer.ts"

export const layer = Rpcs.MessageRpcs.toLayer(
  Effect.gen(function* () {
    const conversations = yield* Conversations
    const schedule = yield* ScheduledMessages
    const statuses = yield* Statuses

    const changing = <
      Input extends {
        readonly conversation_id: ConversationId
        readonly message_id: MessageId
      },
      S extends Schema.ConstraintDecoder<unknown> & { readonly Type: Input }
    >(
      operation: { readonly input: S },
      change: (asked: S["Type"]) => Change
    ) =>
      answer(operation, (caller, asked) =>
        Effect.flatten(conversations.change(caller, asked.conversation_id, asked.message_id, change(asked)))
      )

    return Rpcs.MessageRpcs.of({
      sendMessage: answer(Rpcs.sendMessage, (caller, { conversation_id, ...message }) =>
        conversations.send(caller, conversation_id, message)
      ),
      listMessages: answer(
        Rpcs.listMessages,
        Effect.fnUntraced(function* ({ identity }, { conversation_id, ...query }) {
          const asked = yield* Effect.fromResult(toHistory(query))
          const page = yield* conversations.history(identity, conversation_id, asked)
          return { items: page.items, next_cursor: nextCursor(asked, page) }
        })
      ),
      searchMessages: answer(
        Rpcs.searchMessages,
        ({ identity }, { conversation_id, cursor, limit = DEFAULT_PAGE, q: text }) =>
          Effect.map(
            conversations.search(identity, conversation_id, { text, cursor, limit }),
            ({ items, nextCursor }) => ({ items, next_cursor: nextCursor })
          )
      ),
      showMessage: answer(Rpcs.showMessage, ({ identity }, { conversation_id, message_id }) =>
        conversations.message(identity, conversation_id, message_id)
      ),
      messageStatus: answer(Rpcs.messageStatus, ({ identity }, { conversation_id, message_id }) =>
        statuses.message(identity, conversation_id, message_id)
      ),
      editMessage: changing(Rpcs.editMessage, changeOf.editMessage),
      deleteMessage: changing(Rpcs.deleteMessage, changeOf.deleteMessage),
      addReaction: changing(Rpcs.addReaction, changeOf.addReaction),
      removeReaction: changing(Rpcs.removeReaction, changeOf.removeReaction),
      addAttachment: changing(Rpcs.addAttachment, changeOf.addAttachment),
      pinMessage: changing(Rpcs.pinMessage, changeOf.pinMessage),
      unpinMessage: changing(Rpcs.unpinMessage, changeOf.unpinMessage),
      listPins: answer(Rpcs.listPins, ({ identity }, { conversation_id }) =>
        Effect.map(conversations.pins(identity, conversation_id), (pins) => ({
          items: pins.map(pinnedMessage),
          next_cursor: null
        }))
      ),
      listAttachments: answer(
        Rpcs.listAttachments,
        Effect.fnUntraced(function* ({ identity }, { conversation_id, cursor, limit = DEFAULT_PAGE }) {
          const before = yield* Effect.fromResult(AttachmentCursor.decode(cursor))
          const found = yield* conversations.attachments(identity, conversation_id, { before, limit })
          return { items: found.items.map(attachmentItem), next_cursor: AttachmentCursor.next(found) }
        })
      ),
      scheduleMessage: answer(Rpcs.scheduleMessage, ({ identity }, { conversation_id, ...message }) =>
        schedule.create(identity, conversation_id, message)
      ),
      listScheduledMessages: answer(
        Rpcs.listScheduledMessages,
        ({ identity }, { cursor, limit = DEFAULT_PAGE, status }) =>
          Effect.map(schedule.list(identity, { cursor, limit, status }), ({ items, nextCursor }) => ({
            items,
            next_cursor: nextCursor
          }))
      ),
      showScheduledMessage: answer(Rpcs.showScheduledMessage, ({ identity }, { id }) =>
        schedule.show(identity, id)
      ),
      updateScheduledMessage: answer(Rpcs.updateScheduledMessage, ({ identity }, { id, ...changes }) =>
        schedule.update(identity, id, changes)
      ),
      cancelScheduledMessage: answer(Rpcs.cancelScheduledMessage, ({ identity }, { id }) =>
        schedule.cancel(identity, id)
      )
    })
  })
)
