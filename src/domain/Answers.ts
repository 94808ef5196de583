/** How lists are asked for and what requests are answered with: the same over REST and typed RPC. */
import { Schema } from "effect"
import { MAX_SEARCH, PageSize, Searched } from "./Commands.ts"
import { ConversationView, ReadPosition, Role } from "./Conversation.ts"
import { MemberSettings } from "./ConversationSettings.ts"
import { DeviceId, MessageId, SessionId, UserId } from "./Ids.ts"
import { Attachment, Message, Position, Seq, Timestamp } from "./Message.ts"
import { Preferences } from "./Preferences.ts"

/** Opaque to clients. The bound keeps what reaches the database short. */
export const Cursor = Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(512)))

/** How every list is asked for. */
export const pageQuery = {
  cursor: Schema.optionalKey(Cursor),
  limit: Schema.optionalKey(PageSize)
}

/** A page; `next_cursor` is null on the last one. */
export const page = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ items: Schema.Array(item), next_cursor: Schema.NullOr(Schema.String) })

const searched = Schema.makeFilter(
  (query: { readonly q?: string; readonly member_id?: string }) =>
    query.q !== undefined || query.member_id !== undefined || "Expected q, member_id, or both"
)

export const SearchConversations = Schema.Struct({
  ...pageQuery,
  q: Schema.optionalKey(Searched(100)),
  member_id: Schema.optionalKey(UserId)
}).pipe(Schema.check(searched))

export const SearchMessages = Schema.Struct({ q: Searched(MAX_SEARCH), ...pageQuery })

/** Messages by number. At most one of `cursor`, `after_seq` and `before_seq`. */
export const historyQuery = {
  ...pageQuery,
  after_seq: Schema.optionalKey(Position),
  before_seq: Schema.optionalKey(Position)
}

export const oneWay = Schema.makeFilter(
  (query: { readonly cursor?: string; readonly after_seq?: number; readonly before_seq?: number }) =>
    [query.cursor, query.after_seq, query.before_seq].filter((position) => position !== undefined).length <=
      1 || "Expected at most one of cursor, after_seq and before_seq"
)

export const HistoryQuery = Schema.Struct(historyQuery).pipe(Schema.check(oneWay))

/** A conversation in one's own list, with one's own position in it. */
export const ConversationItem = Schema.Struct({
  ...ConversationView.fields,
  role: Role,
  my_settings: MemberSettings,
  last_read_seq: Position,
  unread_count: Schema.Int,
  unread_mentions: Schema.Int
}).annotate({ identifier: "ConversationItem" })
export type ConversationItem = typeof ConversationItem.Type

/** An attachment, and the message that shows it. */
export const AttachmentItem = Schema.Struct({
  ...Attachment.fields,
  message_id: MessageId,
  seq: Seq,
  sender_id: UserId,
  sent_at: Timestamp
}).annotate({ identifier: "PlacedAttachment" })
export type AttachmentItem = typeof AttachmentItem.Type

export const PinnedMessage = Schema.Struct({
  message: Message,
  pinned_by: UserId,
  pinned_at: Timestamp
}).annotate({ identifier: "PinnedMessage" })
export type PinnedMessage = typeof PinnedMessage.Type

export const MyStatus = Schema.Struct({
  user_id: UserId,
  conversations: Schema.Int,
  unread: Schema.Struct({ total: Schema.Int, conversations: Schema.Int }),
  preferences: Preferences
}).annotate({ identifier: "MyStatus" })

export const Positions = Schema.Struct({ positions: Schema.Record(Schema.String, ReadPosition) }).annotate({
  identifier: "Positions"
})

const isCurrent = Schema.Boolean.annotate({ description: "Whether it is the device that asks" })

export const ConnectedSession = Schema.Struct({
  session_id: SessionId,
  device_id: DeviceId,
  connected_at: Timestamp,
  is_current: isCurrent
}).annotate({ identifier: "ConnectedSession" })
export type ConnectedSession = typeof ConnectedSession.Type

export const ConnectedDevice = Schema.Struct({
  device_id: DeviceId,
  connected_at: Timestamp,
  session_count: Schema.Int,
  is_current: isCurrent
}).annotate({ identifier: "ConnectedDevice" })
export type ConnectedDevice = typeof ConnectedDevice.Type

/** A list that is always one page. */
export const listOf = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ items: Schema.Array(item), next_cursor: Schema.Null })

export const SocketTicket = Schema.Struct({ ticket: Schema.String, expires_at: Timestamp }).annotate({
  identifier: "SocketTicket"
})
