/**
 * What clients may ask, as schemas: the same for channel payloads and REST bodies. Decoding is the edge's work;
 * behind it everything is typed. Unknown fields are ignored, wrong ones are named.
 */
import { Schema } from "effect"
import { isText, MAX_ITEMS } from "./BoundedJson.ts"
import { ConversationType, Role } from "./Conversation.ts"
import { MAX_EXPIRES_IN } from "./Expiry.ts"
import { ConversationId, MediaId, MessageId, UserId } from "./Ids.ts"
import { ClientRandom, MediaType, MessageMetadata, Metadata, Position } from "./Message.ts"

/** Ids in one request at the most. */
export const MAX_IDS_PER_REQUEST = MAX_ITEMS
/** Messages in one page at the most, and by default. */
export const MAX_PAGE = 200
export const DEFAULT_PAGE = 50

/** Attachments of one message at the most. */
export const MAX_ATTACHMENTS = 32
/** Characters of one attachment's metadata, as JSON. */
export const MAX_ATTACHMENT_METADATA = 4 * 1024

export const AttachmentMetadata = Metadata.pipe(
  Schema.check(
    Schema.makeFilter((metadata) => JSON.stringify(metadata).length <= MAX_ATTACHMENT_METADATA, {
      expected: `at most ${MAX_ATTACHMENT_METADATA} characters as JSON`
    })
  )
)

/** A medium to attach: sent along with a message, or to one's own message later. */
export const NewAttachment = Schema.Struct({
  media_id: MediaId,
  media_type: MediaType,
  metadata: Schema.optionalKey(AttachmentMetadata)
}).annotate({ identifier: "NewAttachment" })
export type NewAttachment = typeof NewAttachment.Type

/** `send_message`, and POST …/messages. Clients never send `system` messages. */
export const SendMessage = Schema.Struct({
  content: Schema.String,
  client_random: ClientRandom,
  message_type: Schema.optionalKey(Schema.Literals(["text", "media"])),
  metadata: Schema.optionalKey(MessageMetadata),
  reply_to_id: Schema.optionalKey(Schema.NullOr(MessageId)),
  attachments: Schema.optionalKey(
    Schema.Array(NewAttachment).pipe(Schema.check(Schema.isMaxLength(MAX_ATTACHMENTS)))
  ),
  /** Seconds after which nobody sees it any more. */
  expires_in: Schema.optionalKey(
    Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: MAX_EXPIRES_IN })))
  )
}).annotate({ identifier: "SendMessage" })
export type SendMessage = typeof SendMessage.Type

/** The answer to a send. A retry of the same `client_random` answers the stored message with `duplicate: true`. */
export const Sent = Schema.Struct({
  message_id: MessageId,
  seq: Position,
  sent_at: Schema.String,
  duplicate: Schema.Boolean
})
export type Sent = typeof Sent.Type

const oneOfThem = Schema.makeFilter(
  (upTo: { readonly seq?: number; readonly message_id?: string }) =>
    (upTo.seq === undefined) !== (upTo.message_id === undefined) || "Expected one of seq and message_id"
)

/** Up to where the caller has read, or received: a number, a message, or (without either) everything there is now. */
export const UpToHere = Schema.Struct({
  seq: Schema.optionalKey(Position),
  message_id: Schema.optionalKey(MessageId)
}).annotate({ identifier: "UpToHere" })
export type UpToHere = typeof UpToHere.Type

/** On a channel one says which. */
export const UpTo = UpToHere.pipe(Schema.check(oneOfThem))

/** What is searched for: text that the database can be asked about, of at most so many characters. */
export const Searched = (maximum: number) =>
  Schema.String.pipe(
    Schema.check(
      Schema.isMinLength(1),
      Schema.isMaxLength(maximum),
      Schema.makeFilter(isText, { expected: "text without U+0000 and lone surrogates" })
    )
  )

/** Characters of what is searched for in messages. */
export const MAX_SEARCH = 256

export const PageSize = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: MAX_PAGE })))

const oneWay = Schema.makeFilter(
  (page: { readonly before_seq?: number; readonly after_seq?: number }) =>
    page.before_seq === undefined ||
    page.after_seq === undefined ||
    "Expected at most one of before_seq and after_seq"
)

/** `history`: a page before or after a seq; newest first without either. */
export const History = Schema.Struct({
  before_seq: Schema.optionalKey(Position),
  after_seq: Schema.optionalKey(Position),
  limit: Schema.optionalKey(PageSize)
}).pipe(Schema.check(oneWay))
export type History = typeof History.Type

/** Join of `conversation:{id}`; with `last_seq` it is a resume. */
export const JoinConversation = Schema.Struct({
  last_seq: Schema.optionalKey(Schema.NullOr(Position)),
  /** False: this socket is not shown on the topic, and is told of nobody. */
  presence: Schema.optionalKey(Schema.Boolean)
})

/** `update_presence`: of this device, on all its topics. */
export const UpdatePresence = Schema.Struct({ status: Schema.Literals(["online", "away"]) })

/** `refresh_token`: a newer token of the same user and device, for a connection that outlives its first. */
export const RefreshToken = Schema.Struct({ token: Schema.String })

/** Where a device stands in its user's queue, as it was told. Opaque; as long as one of ours can be. */
const QueueCursor = Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(4096)))

/** Join of `user:{id}`; without a cursor the device goes on from what it acknowledged last. */
export const JoinUser = Schema.Struct({
  cursor: Schema.optionalKey(Schema.NullOr(QueueCursor)),
  presence: Schema.optionalKey(Schema.Boolean)
})

/** `mark_all_read`, of up to as many conversations as one request may name. */
export const MarkAllRead = Schema.Struct({
  conversation_ids: Schema.Array(ConversationId).pipe(
    Schema.check(Schema.isMinLength(1), Schema.isMaxLength(MAX_IDS_PER_REQUEST))
  )
}).annotate({ identifier: "MarkAllRead" })

/** `ack`: this device has everything up to here. */
export const Acknowledge = Schema.Struct({ cursor: QueueCursor })

export const CreateConversation = Schema.Struct({
  type: ConversationType,
  member_ids: Schema.Array(UserId).pipe(Schema.check(Schema.isMaxLength(MAX_IDS_PER_REQUEST))),
  metadata: Schema.optionalKey(Metadata)
}).annotate({ identifier: "CreateConversation" })
export type CreateConversation = typeof CreateConversation.Type

/** A group named by its creator: the same `external_group_id` of the same user is the same group. */
export const CreateGroup = Schema.Struct({
  external_group_id: Schema.optionalKey(
    Schema.String.pipe(
      Schema.check(
        Schema.isPattern(/^[\x21-\x7e]{1,128}$/, { expected: "1 to 128 printable ASCII characters" })
      )
    )
  ),
  member_ids: CreateConversation.fields.member_ids,
  metadata: Schema.optionalKey(Metadata)
}).annotate({ identifier: "CreateGroup" })
export type CreateGroup = typeof CreateGroup.Type

/** `owner` makes them the owner in the caller's place. */
export const ChangeRole = Schema.Struct({ role: Role }).annotate({ identifier: "ChangeRole" })

export const AddMembers = Schema.Struct({
  user_ids: Schema.Array(UserId).pipe(
    Schema.check(Schema.isMinLength(1), Schema.isMaxLength(MAX_IDS_PER_REQUEST))
  ),
  /** A group has one owner, who is made by a transfer. */
  role: Schema.optionalKey(Schema.Literals(["admin", "member"]))
}).annotate({ identifier: "AddMembers" })
export type AddMembers = typeof AddMembers.Type
