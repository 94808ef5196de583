/** How far a message has come, and how it stands with a conversation, as one member may see it. */
import { Schema } from "effect"
import { ConversationId, MessageId, UserId } from "./Ids.ts"
import { Position, Seq, Timestamp } from "./Message.ts"

/** Of all its recipients: `read` and `delivered` only when it is true of every one of them. */
const Progress = Schema.Literals(["sent", "delivered", "read"])

const when = Schema.NullOr(Timestamp).annotate({
  description: "Null where only that it happened is known, not when"
})

export const MessageStatus = Schema.Struct({
  message_id: MessageId,
  conversation_id: ConversationId,
  seq: Seq,
  sent_at: Timestamp,
  status: Progress,
  /** Members by now to whom it was addressed. */
  recipients: Schema.Int,
  delivered_count: Schema.Int,
  read_count: Schema.Int,
  delivered_to: Schema.NullOr(Schema.Array(Schema.Struct({ user_id: UserId, delivered_at: when }))),
  read_by: Schema.NullOr(Schema.Array(Schema.Struct({ user_id: UserId, read_at: when })))
}).annotate({ identifier: "MessageStatus" })
export type MessageStatus = typeof MessageStatus.Type

export const StatsMetric = Schema.Literals(["message_count", "unread_count", "last_activity"])
export type StatsMetric = typeof StatsMetric.Type

export const ConversationStatus = Schema.Struct({
  conversation_id: ConversationId,
  last_seq: Position,
  member_count: Schema.Int,
  message_count: Schema.optionalKey(Schema.Int),
  unread_count: Schema.optionalKey(Schema.Int).annotate({ description: "One's own, up to a thousand" }),
  last_activity: Schema.optionalKey(Timestamp)
}).annotate({ identifier: "ConversationStatus" })
export type ConversationStatus = typeof ConversationStatus.Type
