/** How answers are made of what the application services answer, whichever edge gives them. */
import type { Device } from "../actors/session/SignIns.ts"
import type {
  AttachmentItem,
  ConnectedDevice,
  ConnectedSession,
  ConversationItem,
  PinnedMessage
} from "../domain/Answers.ts"
import type { Identity } from "../domain/Identity.ts"
import type { ConversationPage, ConversationSummary } from "../domain/ports/ConversationStore.ts"
import type { Pin, PlacedAttachment } from "../domain/ports/MessageStore.ts"
import type { ConnectedSession as Connected } from "../domain/ports/SessionCache.ts"

const at = (ms: number): string => new Date(ms).toISOString()

const conversationItem = (summary: ConversationSummary): ConversationItem => ({
  ...summary.conversation,
  role: summary.role,
  my_settings: summary.settings,
  last_read_seq: summary.lastReadSeq,
  unread_count: summary.unreadCount,
  unread_mentions: summary.unreadMentions
})

export const conversationPage = ({ items, nextCursor }: ConversationPage) => ({
  items: items.map(conversationItem),
  next_cursor: nextCursor
})

export const attachmentItem = ({
  attachment,
  messageId,
  senderId,
  sentAt,
  seq
}: PlacedAttachment): AttachmentItem => ({
  ...attachment,
  message_id: messageId,
  seq,
  sender_id: senderId,
  sent_at: at(sentAt)
})

export const pinnedMessage = ({ message, pinnedAt, pinnedBy }: Pin): PinnedMessage => ({
  message,
  pinned_by: pinnedBy,
  pinned_at: at(pinnedAt)
})

export const connectedSession =
  (me: Identity) =>
  ({ connectedAt, deviceId, sessionId }: Connected): ConnectedSession => ({
    session_id: sessionId,
    device_id: deviceId,
    connected_at: at(connectedAt),
    is_current: deviceId === me.deviceId
  })

export const connectedDevice =
  (me: Identity) =>
  ({ connectedAt, deviceId, sessions }: Device): ConnectedDevice => ({
    device_id: deviceId,
    connected_at: at(connectedAt),
    session_count: sessions,
    is_current: deviceId === me.deviceId
  })
