/** A message that is to be sent later: what its sender asks for, and what they see of it. */
import { Schema } from "effect"
import { pageQuery } from "./Answers.ts"
import { NewAttachment, SendMessage } from "./Commands.ts"
import { ConversationId, MessageId, UserId } from "./Ids.ts"
import { ClientRandom, Metadata, Timestamp } from "./Message.ts"

/** How far ahead, in days. */
export const MAX_DAYS_AHEAD = 366

const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

/** A moment as clients write it. */
export const Moment = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter((text) => iso.test(text) && !Number.isNaN(Date.parse(text)), {
      expected: "a time as of ISO 8601, with its offset or Z"
    })
  )
).annotate({ format: "date-time" })

export const ScheduleMessage = Schema.Struct({ ...SendMessage.fields, scheduled_for: Moment })
export type ScheduleMessage = typeof ScheduleMessage.Type

/** What is left out stays as it is. */
export const Reschedule = Schema.Struct({
  content: Schema.optionalKey(Schema.String),
  metadata: SendMessage.fields.metadata,
  attachments: SendMessage.fields.attachments,
  scheduled_for: Schema.optionalKey(Moment)
}).annotate({ identifier: "Reschedule" })
export type Reschedule = typeof Reschedule.Type

export const ScheduleStatus = Schema.Literals(["pending", "sent", "cancelled", "failed"])
export type ScheduleStatus = typeof ScheduleStatus.Type

/** How one's own are listed: all, or those of one status. */
export const scheduledQuery = { ...pageQuery, status: Schema.optionalKey(ScheduleStatus) }

export const ScheduledMessage = Schema.Struct({
  id: Schema.String,
  conversation_id: ConversationId,
  sender_id: UserId,
  message_type: Schema.Literals(["text", "media"]),
  content: Schema.String,
  metadata: Metadata,
  client_random: ClientRandom,
  reply_to_id: Schema.NullOr(MessageId),
  attachments: Schema.Array(NewAttachment),
  expires_in: Schema.NullOr(Schema.Int),
  scheduled_for: Timestamp,
  status: ScheduleStatus,
  /** Of the message, when it is sent. */
  message_id: Schema.NullOr(MessageId),
  /** Why it could not be sent: the reason that a send would have been answered with. */
  failure: Schema.NullOr(Schema.String),
  created_at: Timestamp,
  updated_at: Timestamp
}).annotate({ identifier: "ScheduledMessage" })
export type ScheduledMessage = typeof ScheduledMessage.Type
