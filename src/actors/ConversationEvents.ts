/**
 * The events a conversation tells its subscribers, as publications. Payloads are encoded here, once; everything
 * behind this point passes them on as text.
 */
import { type ConversationView, type Member, memberView } from "../domain/Conversation.ts"
import type { ConversationId, SessionId, UserId } from "../domain/Ids.ts"
import type { Message } from "../domain/Message.ts"
import type { Publication } from "../domain/ports/Broker.ts"
import type { Appended, NewMessage } from "../domain/ports/MessageWriter.ts"
import * as Topic from "../domain/Topic.ts"

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

export const memberAdded = (topic: string, id: ConversationId, member: Member, by: UserId): Publication =>
  ephemeral(topic, "member_added", { conversation_id: id, ...memberView(member), added_by: by }, null)

export const memberRemoved = (topic: string, id: ConversationId, userId: UserId, by: UserId): Publication =>
  ephemeral(topic, "member_removed", { conversation_id: id, user_id: userId, removed_by: by }, null)

export const conversationUpdated = (topic: string, conversation: ConversationView): Publication =>
  ephemeral(topic, "conversation_updated", conversation, null)

export const conversationCreated = (userId: UserId, conversation: ConversationView): Publication =>
  ephemeral(Topic.ofUser(userId), "conversation_created", conversation, null)

/**
 * Subscribers may have missed something: their channels end with `phx_error`, and their clients rejoin and catch up.
 * The event has the name that it has on the wire.
 */
export const interrupted = (id: ConversationId): Publication =>
  ephemeral(Topic.ofConversation(id), INTERRUPTED, {}, null)

export const INTERRUPTED = "phx_error"
