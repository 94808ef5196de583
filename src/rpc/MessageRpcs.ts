/** Messages: sending, reading, changing, and sending later. */
import { Schema } from "effect"
import { RpcGroup } from "effect/rpc"
import {
  AttachmentItem,
  historyQuery,
  listOf,
  oneWay,
  PinnedMessage,
  page,
  pageQuery,
  SearchMessages
} from "../domain/Answers.ts"
import {
  AddAttachment,
  DeleteMessage,
  EditMessage,
  OneMessage,
  ReactToMessage
} from "../domain/ChangeRequests.ts"
import { Changed } from "../domain/Changes.ts"
import { SendMessage, Sent } from "../domain/Commands.ts"
import {
  Conflict,
  ContentRejected,
  Forbidden,
  MessageTooLarge,
  NotFound,
  NotMember,
  Overloaded,
  RateLimited,
  Unavailable,
  UserBlocked
} from "../domain/Errors.ts"
import { ConversationId, MessageId } from "../domain/Ids.ts"
import { Message } from "../domain/Message.ts"
import { Reschedule, ScheduledMessage, ScheduleMessage, scheduledQuery } from "../domain/Scheduled.ts"
import { MessageStatus } from "../domain/Statuses.ts"
import { Authentication } from "./Authentication.ts"
import { operation } from "./Operation.ts"

const one = { conversation_id: ConversationId }
const ask = [NotMember, Overloaded, Unavailable] as const
const send = [
  ContentRejected,
  Forbidden,
  MessageTooLarge,
  NotFound,
  RateLimited,
  UserBlocked,
  ...ask
] as const

/** Answered only after it is stored. The same `client_random` again is the same message. */
export const sendMessage = operation("sendMessage", {
  input: Schema.Struct({ ...one, ...SendMessage.fields }),
  success: Sent,
  errors: send
})

/** In ascending `seq`, the newest page first; `next_cursor` leads on in the same direction. */
export const listMessages = operation("listMessages", {
  input: Schema.Struct({ ...one, ...historyQuery }).pipe(Schema.check(oneWay)),
  success: page(Message),
  errors: ask
})

/** In one conversation, or in all of one's own. The latest first. */
export const searchMessages = operation("searchMessages", {
  input: Schema.Struct({ conversation_id: Schema.optionalKey(ConversationId), ...SearchMessages.fields }),
  success: page(Message),
  errors: [RateLimited, UserBlocked, ...ask]
})

export const showMessage = operation("showMessage", {
  input: Schema.Struct({ ...one, message_id: MessageId }),
  success: Message,
  errors: [NotFound, ...ask]
})

/** To whom it was delivered and who has read it, as read receipts allow. */
export const messageStatus = operation("messageStatus", {
  input: Schema.Struct({ ...one, message_id: MessageId }),
  success: MessageStatus,
  errors: [NotFound, ...ask]
})

/** `changed` is false in the answer where it was so already, and nobody was told. */
const change = <const Tag extends string, Fields extends Schema.Struct.Fields>(
  tag: Tag,
  { fields }: { readonly fields: Fields }
) =>
  operation(tag, {
    input: Schema.Struct({ ...one, ...fields }),
    success: Changed,
    errors: [Conflict, ...send]
  })

/** With `version_seq`, only that version. */
export const editMessage = change("editMessage", EditMessage)
export const deleteMessage = change("deleteMessage", DeleteMessage)
export const addReaction = change("addReaction", ReactToMessage)
export const removeReaction = change("removeReaction", ReactToMessage)
export const addAttachment = change("addAttachment", AddAttachment)
export const pinMessage = change("pinMessage", OneMessage)
export const unpinMessage = change("unpinMessage", OneMessage)

/** Newest pin first; always one page. */
export const listPins = operation("listPins", {
  input: Schema.Struct(one),
  success: listOf(PinnedMessage),
  errors: ask
})

/** Of all messages of a conversation, the latest first. */
export const listAttachments = operation("listAttachments", {
  input: Schema.Struct({ ...one, ...pageQuery }),
  success: page(AttachmentItem),
  errors: ask
})

const scheduled = { id: MessageId }

/** The same `client_random` again is the same scheduled message. */
export const scheduleMessage = operation("scheduleMessage", {
  input: Schema.Struct({ ...one, ...ScheduleMessage.fields }),
  success: Schema.Struct({ scheduled: ScheduledMessage, created: Schema.Boolean }),
  errors: [Conflict, MessageTooLarge, RateLimited, UserBlocked, ...ask]
})

/** One's own, by their time: all, or those of one status. */
export const listScheduledMessages = operation("listScheduledMessages", {
  input: Schema.Struct(scheduledQuery),
  success: page(ScheduledMessage),
  errors: [Unavailable]
})

export const showScheduledMessage = operation("showScheduledMessage", {
  input: Schema.Struct(scheduled),
  success: ScheduledMessage,
  errors: [NotFound, Unavailable]
})

/** What is left out stays as it is. */
export const updateScheduledMessage = operation("updateScheduledMessage", {
  input: Schema.Struct({ ...scheduled, ...Reschedule.fields }),
  success: ScheduledMessage,
  errors: [NotFound, Conflict, MessageTooLarge, RateLimited, UserBlocked, Unavailable]
})

export const cancelScheduledMessage = operation("cancelScheduledMessage", {
  input: Schema.Struct(scheduled),
  success: ScheduledMessage,
  errors: [NotFound, Conflict, Unavailable]
})

export class MessageRpcs extends RpcGroup.make(
  sendMessage,
  listMessages,
  searchMessages,
  showMessage,
  messageStatus,
  editMessage,
  deleteMessage,
  addReaction,
  removeReaction,
  addAttachment,
  pinMessage,
  unpinMessage,
  listPins,
  listAttachments,
  scheduleMessage,
  listScheduledMessages,
  showScheduledMessage,
  updateScheduledMessage,
  cancelScheduledMessage
).middleware(Authentication) {}
