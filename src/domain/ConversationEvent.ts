/**
 * What a conversation tells those who follow it, as data: the snapshot they begin with, and the events after it. The same
 * events go over channels and over typed RPC.
 */
import { Schema } from "effect"
import { ConversationView, ReadPosition, Role } from "./Conversation.ts"
import { MemberSettings } from "./ConversationSettings.ts"
import { ConversationId, MessageId, UserId } from "./Ids.ts"
import { Attachment, Message, Position, Seq, Timestamp } from "./Message.ts"

/** An event to clients. */
export interface Notice {
  readonly summary: string
  readonly payload: Schema.Constraint
}

export const ConversationJoined = Schema.Struct({
  conversation: ConversationView,
  role: Role,
  my_settings: MemberSettings,
  cleared_seq: Position,
  current_seq: Position,
  resumed: Schema.Boolean,
  messages: Schema.Array(Message),
  has_more: Schema.Boolean,
  read_receipts: Schema.Boolean,
  read_positions: Schema.Record(Schema.String, ReadPosition),
  hidden_ids: Schema.Array(MessageId)
}).annotate({ identifier: "ConversationJoined" })

const Reaction = Schema.Struct({
  conversation_id: ConversationId,
  message_id: MessageId,
  seq: Seq,
  reaction: Schema.String,
  user_id: UserId
})

const MemberAdded = Schema.Struct({
  conversation_id: ConversationId,
  user_id: UserId,
  role: Role,
  joined_at: Timestamp,
  added_by: UserId
})

const MemberRemoved = Schema.Struct({ conversation_id: ConversationId, user_id: UserId, removed_by: UserId })

const MemberUpdated = Schema.Struct({
  conversation_id: ConversationId,
  user_id: UserId,
  role: Role,
  joined_at: Timestamp,
  updated_by: UserId
})

const MembersAdded = Schema.Struct({ conversation_id: ConversationId, count: Schema.Int, added_by: UserId })

/** What is told of memberships, on both kinds of topic. */
export const membershipNotices = {
  member_added: { summary: "Somebody became a member.", payload: MemberAdded },
  members_added: {
    summary: "More than twenty became members at once; the members' list tells who.",
    payload: MembersAdded
  },
  member_updated: { summary: "Somebody has another role.", payload: MemberUpdated },
  member_removed: { summary: "Somebody is a member no more.", payload: MemberRemoved },
  conversation_deleted: {
    summary: "The conversation was deleted for everyone.",
    payload: Schema.Struct({ conversation_id: ConversationId, deleted_by: UserId })
  }
} satisfies Readonly<Record<string, Notice>>

/** What is told of a conversation to all who follow it. */
export const conversationNotices = {
  new_message: { summary: "A message was stored.", payload: Message },
  message_edited: { summary: "The message as it is now.", payload: Message },
  message_deleted: { summary: "The tombstone of a message.", payload: Message },
  reaction_added: { summary: "Somebody reacted.", payload: Reaction },
  reaction_removed: { summary: "Somebody took a reaction back.", payload: Reaction },
  attachment_added: {
    summary: "A medium was attached to a message that was there.",
    payload: Schema.Struct({
      conversation_id: ConversationId,
      message_id: MessageId,
      seq: Seq,
      attachment: Attachment,
      added_by: UserId
    })
  },
  message_pinned: {
    summary: "A message was pinned.",
    payload: Schema.Struct({
      conversation_id: ConversationId,
      message_id: MessageId,
      seq: Seq,
      pinned_by: UserId,
      pinned_at: Timestamp
    })
  },
  message_unpinned: {
    summary: "A message is pinned no more.",
    payload: Schema.Struct({
      conversation_id: ConversationId,
      message_id: MessageId,
      seq: Seq,
      unpinned_by: UserId
    })
  },
  typing_indicator: {
    summary: "Somebody types, or no longer.",
    payload: Schema.Struct({ user_id: UserId, action: Schema.Literals(["start", "stop"]) })
  },
  read_receipt: {
    summary: "How far somebody has read.",
    payload: Schema.Struct({ user_id: UserId, last_read_seq: Position, last_delivered_seq: Position })
  },
  delivery_receipt: {
    summary: "How far somebody has received.",
    payload: Schema.Struct({ user_id: UserId, last_delivered_seq: Position })
  },
  ...membershipNotices,
  conversation_updated: { summary: "Its metadata or its settings changed.", payload: ConversationView }
} satisfies Readonly<Record<string, Notice>>

type Notices = typeof conversationNotices

/** What a reader who is too slow is not told: the next one of its kind says as much. All else is told, or the reader ends. */
const passing: ReadonlySet<string> = new Set<keyof Notices>([
  "typing_indicator",
  "read_receipt",
  "delivery_receipt"
])

export const isPassing = (event: string): boolean => passing.has(event)

/** What a stream of events begins with, and, of one that has much to catch up with, what it goes on with. */
export const SNAPSHOT = "snapshot"

/**
 * One element of a stream of a conversation's events. Whoever has it, with those before it, has everything up to `seq`,
 * and resumes from there; `null` for what is not kept: typing, receipts, memberships.
 */
export type ConversationEvent =
  | {
      readonly event: typeof SNAPSHOT
      readonly seq: number
      readonly payload: typeof ConversationJoined.Type
    }
  | {
      readonly [E in keyof Notices]: {
        readonly event: E
        readonly seq: number | null
        readonly payload: Notices[E]["payload"]["Type"]
      }
    }[keyof Notices]

const members = Object.entries(conversationNotices).map(([event, { payload }]) =>
  Schema.Struct({ event: Schema.Literal(event), seq: Schema.NullOr(Seq), payload })
)

export const ConversationEvent = Schema.Union([
  Schema.Struct({ event: Schema.Literal(SNAPSHOT), seq: Position, payload: ConversationJoined }),
  ...members
]) as unknown as Schema.Codec<ConversationEvent>

const names: ReadonlySet<string> = new Set(Object.keys(conversationNotices))

/** Whether subscribers of a conversation's events are told it; what is published besides is for nodes or for channels. */
export const isConversationEvent = (event: string): boolean => names.has(event)

/**
 * A stream that was good, and is resumed from the last `seq` it has told. `interrupted`: an event was missed on its way
 * here; `slow`: more waited for the reader than may; `restarting`: this node ends, another takes over.
 */
export class StreamEnded extends Schema.TaggedError<StreamEnded>()("StreamEnded", {
  reason: Schema.Literals(["interrupted", "slow", "restarting"])
}) {}
