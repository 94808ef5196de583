/**
 * A message as everyone sees it: the one shape of channel events, join replies, REST and RPC. A tombstone (a
 * message deleted for everyone) keeps its ids and numbers; its content is null.
 */
import { Schema } from "effect"
import { refusal } from "./BoundedJson.ts"
import { ConversationId, isCanonicalUuid, MediaId, MessageId, UserId } from "./Ids.ts"

/** The number of a durable event in its conversation: 1, 2, 3, … without gaps. */
export const Seq = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(1)))

/** A position in a conversation: the last seq known, 0 for "nothing yet". */
export const Position = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))

export const MessageType = Schema.Literals(["text", "media", "system"])
export type MessageType = typeof MessageType.Type

/** Chosen by the sender, one per message and sender in a conversation: makes a retry harmless. 0 to 2^53 - 1. */
export const ClientRandom = Schema.Int.pipe(
  Schema.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
)

/** Free-form JSON of the clients; we read `encoding` and `mentions` in it and pass the rest through. */
export const Metadata = Schema.Record(Schema.String, Schema.Json).pipe(
  Schema.check(Schema.makeFilter((metadata) => refusal(metadata), { expected: "JSON that can be stored" }))
)
export type Metadata = typeof Metadata.Type

/** Users that one message mentions at the most. */
export const MAX_MENTIONS = 100

const isMention = (id: Schema.Json): boolean => typeof id === "string" && isCanonicalUuid(id.toLowerCase())

/** Of a message: `mentions` are user ids. Those of members are counted as unread mentions. */
export const MessageMetadata = Metadata.pipe(
  Schema.check(
    Schema.makeFilter(
      ({ mentions }) =>
        mentions === undefined ||
        (Array.isArray(mentions) && mentions.length <= MAX_MENTIONS && mentions.every(isMention)) || {
          path: ["mentions"],
          issue: `Expected an array of at most ${MAX_MENTIONS} user ids`
        }
    )
  )
)

export const Reaction = Schema.Struct({ reaction: Schema.String, user_ids: Schema.Array(UserId) })
export type Reaction = typeof Reaction.Type

export const MediaType = Schema.Literals(["image", "video", "audio", "document"])
export type MediaType = typeof MediaType.Type

/** A medium that a message shows. What it is, the media service knows. */
export const Attachment = Schema.Struct({
  id: Schema.String,
  media_id: MediaId,
  media_type: MediaType,
  metadata: Metadata
}).annotate({ identifier: "Attachment" })
export type Attachment = typeof Attachment.Type

/** ISO 8601, UTC, milliseconds. */
export const Timestamp = Schema.String.annotate({
  description: "ISO 8601, UTC, with milliseconds",
  format: "date-time"
})

export const Message = Schema.Struct({
  id: MessageId,
  conversation_id: ConversationId,
  seq: Seq,
  version_seq: Seq,
  sender_id: UserId,
  reply_to_id: Schema.NullOr(MessageId),
  message_type: MessageType,
  content: Schema.NullOr(Schema.String),
  metadata: Metadata,
  client_random: ClientRandom,
  sent_at: Timestamp,
  edited_at: Schema.NullOr(Timestamp),
  edit_count: Schema.Int,
  expires_at: Schema.NullOr(Timestamp),
  is_deleted: Schema.Boolean,
  is_pinned: Schema.Boolean,
  reactions: Schema.Array(Reaction),
  attachments: Schema.Array(Attachment)
}).annotate({ identifier: "Message" })
export type Message = typeof Message.Type
