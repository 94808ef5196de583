/**
 * The events a conversation tells its subscribers, as publications. Payloads are encoded here, once; everything
 * behind this point passes them on as text.
 */
import type { Change } from "../../domain/Changes.ts"
import { type ConversationView, type Member, memberView } from "../../domain/Conversation.ts"
import type { MemberSettings } from "../../domain/ConversationSettings.ts"
import type { Draft } from "../../domain/Draft.ts"
import type { ConversationId, MessageId, SessionId, UserId } from "../../domain/Ids.ts"
import type { Attachment, Message } from "../../domain/Message.ts"
import type { Preferences } from "../../domain/Preferences.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import type { Appended, ChangeOutcome, NewChange, NewMessage } from "../../domain/ports/MessageWriter.ts"
import * as Topic from "../../domain/Topic.ts"

/** The wire shape of a message that was stored just now. */
export const fresh = (message: NewMessage, appended: Appended): Message => ({
  id: appended.id,
  conversation_id: message.conversationId,
  seq: appended.seq,
  version_seq: appended.seq,
  sender_id: message.senderId,
  reply_to_id: message.replyToId,
  message_type: message.messageType,
  content: message.content,
  metadata: message.metadata,
  client_random: message.clientRandom,
  sent_at: new Date(appended.sentAt).toISOString(),
  edited_at: null,
  edit_count: 0,
  expires_at: message.expiresAt === null ? null : new Date(message.expiresAt).toISOString(),
  is_deleted: false,
  is_pinned: false,
  reactions: [],
  attachments: message.attachments.map((a) => ({
    id: a.id,
    media_id: a.mediaId,
    media_type: a.mediaType,
    metadata: a.metadata
  }))
})

const durable = (topic: string, event: string, seq: number, payload: unknown): Publication => ({
  topic,
  event,
  payload: JSON.stringify(payload),
  seq,
  except: null
})

const ephemeral = (
  topic: string,
  event: string,
  payload: unknown,
  except: SessionId | null
): Publication => ({
  topic,
  event,
  payload: JSON.stringify(payload),
  seq: null,
  except
})

export const newMessage = (message: Message): Publication =>
  durable(Topic.ofConversation(message.conversation_id), "new_message", message.seq, message)

/** An edited or deleted message as a whole: what of it never changes is in `target`, an older version of it. */
const whole = (target: Message, content: string | null, { rest, versionSeq }: ChangeOutcome): Message => ({
  ...target,
  version_seq: versionSeq,
  content,
  is_deleted: content === null,
  ...(rest === undefined
    ? {}
    : {
        metadata: rest.metadata,
        edited_at: rest.editedAt === null ? null : new Date(rest.editedAt).toISOString(),
        edit_count: rest.editCount,
        is_pinned: rest.isPinned,
        reactions: rest.reactions,
        attachments: rest.attachments
      })
})

/** All but the deletion for oneself, which nobody else sees. */
export type PublicChange = Exclude<Change, { readonly kind: "hide" }>

/** A change that took a number, which is each of these events' `seq`, or `version_seq` in a message's own shape. */
export const messageChanged = (
  target: Message,
  { at, conversationId, id, messageId, userId }: NewChange,
  change: PublicChange,
  outcome: ChangeOutcome
): Publication => {
  const seq = outcome.versionSeq
  const tell = (event: string, payload: object) =>
    durable(Topic.ofConversation(conversationId), event, seq, payload)
  const ids = { conversation_id: conversationId, message_id: messageId, seq }
  switch (change.kind) {
    case "edit":
      return tell("message_edited", whole(target, change.content, outcome))
    case "delete":
      return tell("message_deleted", whole(target, null, outcome))
    case "react":
      return tell("reaction_added", { ...ids, reaction: change.reaction, user_id: userId })
    case "unreact":
      return tell("reaction_removed", { ...ids, reaction: change.reaction, user_id: userId })
    case "attach": {
      const attachment: Attachment = { id, metadata: {}, ...change.attachment }
      return tell("attachment_added", { ...ids, attachment, added_by: userId })
    }
    case "pin":
      return tell("message_pinned", { ...ids, pinned_by: userId, pinned_at: new Date(at).toISOString() })
    case "unpin":
      return tell("message_unpinned", { ...ids, unpinned_by: userId })
  }
}

/** To the other devices of a user who deleted a message for themselves. */
export const messageHidden = (
  userId: UserId,
  id: ConversationId,
  messageId: MessageId,
  except: SessionId | null
): Publication =>
  ephemeral(Topic.ofUser(userId), "message_hidden", { conversation_id: id, message_id: messageId }, except)

/** To all devices of a user; `null` for a draft that was thrown away. */
export const draftUpdated = (userId: UserId, id: ConversationId, draft: Draft | null): Publication =>
  ephemeral(Topic.ofUser(userId), "draft_updated", { conversation_id: id, draft }, null)

/** Not for clients. */
export const MEMBER_CHANGED = "member_changed"

/** Something of a member's own has changed that only other owners of the conversation have to learn. */
export const memberChanged = (id: ConversationId): Publication =>
  ephemeral(Topic.ofConversation(id), MEMBER_CHANGED, {}, null)

export const typing = (
  id: ConversationId,
  userId: UserId,
  action: "start" | "stop",
  except: SessionId | null
): Publication => ephemeral(Topic.ofConversation(id), "typing_indicator", { user_id: userId, action }, except)

export const readReceipt = (id: ConversationId, member: Member, except: SessionId | null): Publication =>
  ephemeral(
    Topic.ofConversation(id),
    "read_receipt",
    {
      user_id: member.userId,
      last_read_seq: member.lastReadSeq,
      last_delivered_seq: member.lastDeliveredSeq
    },
    except
  )

export const deliveryReceipt = (id: ConversationId, member: Member, except: SessionId | null): Publication =>
  ephemeral(
    Topic.ofConversation(id),
    "delivery_receipt",
    { user_id: member.userId, last_delivered_seq: member.lastDeliveredSeq },
    except
  )

/** To the user's own other devices. */
export const readStatus = (id: ConversationId, member: Member, except: SessionId | null): Publication =>
  ephemeral(
    Topic.ofUser(member.userId),
    "read_status",
    { conversation_id: id, last_read_seq: member.lastReadSeq, last_delivered_seq: member.lastDeliveredSeq },
    except
  )

/** To the user's own other devices. */
export const deliveryStatus = (id: ConversationId, member: Member, except: SessionId | null): Publication =>
  ephemeral(
    Topic.ofUser(member.userId),
    "delivery_status",
    { conversation_id: id, last_delivered_seq: member.lastDeliveredSeq },
    except
  )

/** On the user's own channel: a message mentions them. */
export const mentioned = (userId: UserId, message: Message): Publication =>
  ephemeral(
    Topic.ofUser(userId),
    "notification",
    {
      kind: "mention",
      conversation_id: message.conversation_id,
      message_id: message.id,
      seq: message.seq,
      sender_id: message.sender_id
    },
    null
  )

export const preferencesUpdated = (userId: UserId, preferences: Preferences): Publication =>
  ephemeral(Topic.ofUser(userId), "preferences_updated", preferences, null)

/** Only for owners of the conversation and for channels: whether a member gives and gets read receipts. */
export const RECEIPTS_CHANGED = "receipts_changed"

export const receiptsChanged = (id: ConversationId, userId: UserId, isOn: boolean): Publication =>
  ephemeral(Topic.ofConversation(id), RECEIPTS_CHANGED, { user_id: userId, read_receipts: isOn }, null)

/** Not for clients: whoever watches the user looks again whether they may, and what of it. */
export const WATCH_DOUBTED = "watch_doubted"

export const watchDoubted = (userId: UserId): Publication =>
  ephemeral(Topic.ofPresence(userId), WATCH_DOUBTED, {}, null)

export const memberAdded = (topic: string, id: ConversationId, member: Member, by: UserId): Publication =>
  ephemeral(topic, "member_added", { conversation_id: id, ...memberView(member), added_by: by }, null)

/** Instead of one event for each of them. */
export const membersAdded = (id: ConversationId, count: number, by: UserId): Publication =>
  ephemeral(Topic.ofConversation(id), "members_added", { conversation_id: id, count, added_by: by }, null)

export const memberUpdated = (id: ConversationId, member: Member, by: UserId): Publication =>
  ephemeral(
    Topic.ofConversation(id),
    "member_updated",
    { conversation_id: id, ...memberView(member), updated_by: by },
    null
  )

export const memberRemoved = (topic: string, id: ConversationId, userId: UserId, by: UserId): Publication =>
  ephemeral(topic, "member_removed", { conversation_id: id, user_id: userId, removed_by: by }, null)

export const conversationUpdated = (topic: string, conversation: ConversationView): Publication =>
  ephemeral(topic, "conversation_updated", conversation, null)

/** To the other devices of a member who has changed their own settings. */
export const ownSettingsUpdated = (
  userId: UserId,
  conversation: ConversationView,
  settings: MemberSettings,
  except: SessionId | null
): Publication =>
  ephemeral(Topic.ofUser(userId), "conversation_updated", { ...conversation, my_settings: settings }, except)

/** To the other devices of a member who has deleted the conversation for themselves. */
export const conversationCleared = (
  userId: UserId,
  id: ConversationId,
  clearedSeq: number,
  except: SessionId | null
): Publication =>
  ephemeral(
    Topic.ofUser(userId),
    "conversation_cleared",
    { conversation_id: id, cleared_seq: clearedSeq },
    except
  )

export const conversationDeleted = (topic: string, id: ConversationId, by: UserId): Publication =>
  ephemeral(topic, "conversation_deleted", { conversation_id: id, deleted_by: by }, null)

export const conversationCreated = (userId: UserId, conversation: ConversationView): Publication =>
  ephemeral(Topic.ofUser(userId), "conversation_created", conversation, null)

/**
 * Subscribers may have missed something: their channels end with `phx_error`, and their clients rejoin and catch up.
 * The event has the name that it has on the wire.
 */
export const interrupted = (id: ConversationId): Publication =>
  ephemeral(Topic.ofConversation(id), INTERRUPTED, {}, null)

export const INTERRUPTED = "phx_error"
