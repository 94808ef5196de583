/**
 * The events of our channels as data: what clients may send, with the schemas that decode it; what they are answered;
 * and what the server tells them, the protocol's own events included. The AsyncAPI document is made of it.
 */
import { Schema } from "effect"
import { AddAttachment, DeleteMessage, EditMessage, OneMessage, ReactToMessage } from "../ChangeRequests.ts"
import { Changed } from "../Changes.ts"
import {
  Acknowledge,
  History,
  JoinConversation,
  JoinUser,
  MarkAllRead,
  RefreshToken,
  SendMessage,
  Sent,
  UpdatePresence,
  UpTo
} from "../Commands.ts"
import { ConversationView, ReadPosition } from "../Conversation.ts"
import {
  ConversationJoined,
  conversationNotices,
  membershipNotices,
  type Notice
} from "../ConversationEvent.ts"
import { MemberSettings } from "../ConversationSettings.ts"
import { Draft } from "../Draft.ts"
import { ConversationId, MessageId, UserId } from "../Ids.ts"
import { Message, Position, Seq, Timestamp } from "../Message.ts"
import { Preferences } from "../Preferences.ts"
import { Unread } from "../ports/SyncStore.ts"
import { UserPresence, WatchPresence } from "../UserPresence.ts"

type AnySchema = Schema.Constraint

/** An event to the server. */
export interface Request {
  readonly summary: string
  readonly payload: AnySchema
  /** The `response` of an ok reply. */
  readonly reply: AnySchema
}

export interface ChannelEvents {
  /** The topic, perhaps with a parameter in braces. */
  readonly address: string
  readonly summary: string
  readonly requests: Readonly<Record<string, Request>>
  readonly notices: Readonly<Record<string, Notice>>
}

const Nothing = Schema.Struct({})
const Status = Schema.Literals(["online", "away"])

const PresenceMeta = Schema.Struct({
  device_id: Schema.String,
  status: Status,
  online_at: Schema.Int.annotate({ description: "Unix time in milliseconds" }),
  phx_ref: Schema.String,
  phx_ref_prev: Schema.optionalKey(Schema.String),
  stale: Schema.optionalKey(Schema.Literal(true)).annotate({
    description: "On a node that cannot be asked at present: it may be gone"
  })
})

const Presences = Schema.Record(Schema.String, Schema.Struct({ metas: Schema.Array(PresenceMeta) })).annotate(
  {
    identifier: "Presences",
    description: "User id to one meta for each connection"
  }
)

const presence: Readonly<Record<string, Notice>> = {
  presence_state: { summary: "Everybody who is on the topic. Follows each join.", payload: Presences },
  presence_diff: {
    summary: "Who came and who went since the last one.",
    payload: Schema.Struct({ joins: Presences, leaves: Presences })
  }
}

/** How a channel ends from the server's side. */
const ends: Readonly<Record<string, Notice>> = {
  phx_close: {
    summary: "The channel is closed for good: after a leave, or by the server.",
    payload: Nothing
  },
  phx_error: {
    summary: "The channel has ended and may be joined again, with `last_seq`.",
    payload: Schema.Struct({ reason: Schema.Literal("channel_crash") })
  }
}

/** `changed: false` in the reply: it was so already, nobody is told. */
const changes: Readonly<Record<string, Request>> = {
  edit_message: { summary: "Edits one's own message.", payload: EditMessage, reply: Changed },
  delete_message: {
    summary: "Deletes for oneself, or for everyone.",
    payload: DeleteMessage,
    reply: Changed
  },
  add_reaction: { summary: "Reacts to a message.", payload: ReactToMessage, reply: Changed },
  remove_reaction: { summary: "Takes a reaction back.", payload: ReactToMessage, reply: Changed },
  add_attachment: {
    summary: "Attaches a medium to one's own message.",
    payload: AddAttachment,
    reply: Changed
  },
  pin_message: { summary: "Pins a message.", payload: OneMessage, reply: Changed },
  unpin_message: { summary: "Takes a pin away.", payload: OneMessage, reply: Changed }
}

const UserJoined = Schema.Struct({
  status: Schema.Literal("connected"),
  user_id: UserId,
  device_id: Schema.String,
  session_id: Schema.String,
  server_time: Timestamp
}).annotate({ identifier: "UserJoined" })

export const conversationEvents: ChannelEvents = {
  address: "conversation:{conversation_id}",
  summary: "A conversation. Members only.",
  requests: {
    phx_join: {
      summary: "Joins. With `last_seq`, what has changed since comes with the reply.",
      payload: JoinConversation,
      reply: ConversationJoined
    },
    send_message: {
      summary: "Stores a message and tells everybody. Safe to repeat under the same `client_random`.",
      payload: SendMessage,
      reply: Sent
    },
    ...changes,
    mark_as_read: { summary: "Read up to here.", payload: UpTo, reply: ReadPosition },
    message_delivered: { summary: "Received up to here.", payload: UpTo, reply: ReadPosition },
    typing_start: { summary: "Stops by itself after ten seconds.", payload: Nothing, reply: Nothing },
    typing_stop: { summary: "The caller types no more.", payload: Nothing, reply: Nothing },
    history: {
      summary: "A page of messages before or after a number.",
      payload: History,
      reply: Schema.Struct({ items: Schema.Array(Message), has_more: Schema.Boolean })
    },
    phx_leave: { summary: "Leaves.", payload: Nothing, reply: Nothing }
  },
  notices: { ...conversationNotices, ...presence, ...ends }
}

export const userEvents: ChannelEvents = {
  address: "user:{user_id}",
  summary: "One's own events. Nobody else's.",
  requests: {
    phx_join: { summary: "Joins.", payload: JoinUser, reply: UserJoined },
    ping: {
      summary:
        "Answers where this connection stands in the user's queue, once it has been told what it missed.",
      payload: Nothing,
      reply: Schema.Struct({ cursor: Schema.optionalKey(Schema.String) })
    },
    ack: {
      summary: "This device has everything up to the cursor; what came before it is not told to it again.",
      payload: Acknowledge,
      reply: Acknowledge
    },
    mark_all_read: {
      summary: "Marks everything there is now in these conversations as read.",
      payload: MarkAllRead,
      reply: Schema.Struct({ positions: Schema.Record(Schema.String, ReadPosition) })
    },
    update_presence: {
      summary: "Of this device, on all topics it has joined.",
      payload: UpdatePresence,
      reply: Nothing
    },
    watch_presence: {
      summary:
        "Watches these users, and no longer those of the last call. Answers how they stand; without those whom the caller shares no conversation with.",
      payload: WatchPresence,
      reply: Schema.Struct({ presences: Schema.Array(UserPresence) })
    },
    refresh_token: {
      summary: "Goes on with a newer token of the same user and device.",
      payload: RefreshToken,
      reply: Schema.Struct({ expires_at: Timestamp })
    },
    phx_leave: { summary: "Leaves.", payload: Nothing, reply: Nothing }
  },
  notices: {
    pending_message: { summary: "The device was away when it was sent or changed.", payload: Message },
    sync_complete: {
      summary: "The device has been told what it missed.",
      payload: Schema.Struct({
        pending_count: Schema.Int,
        cursor: Schema.String,
        truncated: Schema.Array(ConversationId),
        conversations: Schema.Array(ConversationId).annotate({
          description:
            "Came or went, or changed otherwise than by messages: load the list, and drop those that are not in it"
        })
      })
    },
    sync_reset: {
      summary: "What the device missed cannot be told any more: reload.",
      payload: Schema.Struct({
        reason: Schema.Literals(["lost", "trimmed", "unavailable"]),
        cursor: Schema.optionalKey(Schema.String),
        unread: Schema.optionalKey(Unread)
      })
    },
    new_message: { summary: "In a conversation that this connection has not joined.", payload: Message },
    token_expiring: {
      summary: "The connection is closed soon unless its token is refreshed.",
      payload: Schema.Struct({ expires_in: Schema.Int.annotate({ description: "Seconds" }) })
    },
    conversation_updated: {
      summary: "Its metadata or its settings changed; with `my_settings`, one's own did, on another device.",
      payload: Schema.Struct({
        ...ConversationView.fields,
        my_settings: Schema.optionalKey(MemberSettings)
      })
    },
    conversation_cleared: {
      summary: "Deleted for oneself on another device, up to here.",
      payload: Schema.Struct({ conversation_id: ConversationId, cleared_seq: Position })
    },
    conversation_created: { summary: "The user is a member from its beginning.", payload: ConversationView },
    read_status: {
      summary: "The user has read up to here, on another device.",
      payload: Schema.Struct({
        conversation_id: ConversationId,
        last_read_seq: Position,
        last_delivered_seq: Position
      })
    },
    delivery_status: {
      summary: "The user has received up to here, on another device.",
      payload: Schema.Struct({ conversation_id: ConversationId, last_delivered_seq: Position })
    },
    notification: {
      summary: "A message mentions the user.",
      payload: Schema.Struct({
        kind: Schema.Literal("mention"),
        conversation_id: ConversationId,
        message_id: MessageId,
        seq: Seq,
        sender_id: UserId
      })
    },
    user_presence_changed: { summary: "How a watched user stands now.", payload: UserPresence },
    preferences_updated: { summary: "The user's preferences as they are now.", payload: Preferences },
    draft_updated: {
      summary: "One's own draft, or null when it was thrown away.",
      payload: Schema.Struct({ conversation_id: ConversationId, draft: Schema.NullOr(Draft) })
    },
    message_hidden: {
      summary: "Deleted for oneself on another device.",
      payload: Schema.Struct({ conversation_id: ConversationId, message_id: MessageId })
    },
    ...membershipNotices,
    ...presence,
    ...ends
  }
}

/** What belongs to the connection and to no topic that could be joined. */
export const connectionEvents: ChannelEvents = {
  address: "phoenix",
  summary: "The connection itself.",
  requests: {
    heartbeat: {
      summary: "Keeps the connection open; due every 30 seconds.",
      payload: Nothing,
      reply: Nothing
    }
  },
  notices: {}
}
