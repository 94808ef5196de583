/**
 * What peer services may ask, as schemas: the fields of proto/messaging.proto, decoded further. Absent strings arrive
 * empty and absent numbers as 0, as protobuf has it.
 */
import { Schema } from "effect"
import { AttachmentMetadata } from "./Commands.ts"
import { MAX_MEMBERS } from "./Conversation.ts"
import { ConversationId, MediaId, MessageId, UserId } from "./Ids.ts"
import { Metadata } from "./Message.ts"
import { StatsMetric } from "./Statuses.ts"

/** A service that calls, by the name its token or its certificate gives it. */
export interface Peer {
  readonly name: string
}

/** Pairs in one map at the most. */
const MAX_PAIRS = 100

const orEmpty = <S extends Schema.Constraint>(schema: S) => Schema.Union([Schema.Literal(""), schema])

const StringMap = Schema.Record(Schema.String, Schema.String).pipe(
  Schema.check(Schema.isMaxProperties(MAX_PAIRS))
)
const Pairs = StringMap.pipe(Schema.decodeTo(Metadata))

/** Unix ms; 0 for now. */
const When = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))

const event = { conversation_id: ConversationId, timestamp: When }

export const MemberAdded = Schema.Struct({
  ...event,
  event_type: Schema.Literal("member_added"),
  user_id: UserId,
  metadata: Schema.Struct({
    role: Schema.optionalKey(Schema.Literals(["admin", "member"])),
    added_by: Schema.optionalKey(UserId)
  })
})
export type MemberAdded = typeof MemberAdded.Type

export const MemberRemoved = Schema.Struct({
  ...event,
  event_type: Schema.Literal("member_removed"),
  user_id: UserId,
  metadata: Schema.Struct({ removed_by: Schema.optionalKey(UserId) })
})
export type MemberRemoved = typeof MemberRemoved.Type

export const SettingsChanged = Schema.Struct({
  ...event,
  event_type: Schema.Literal("settings_changed"),
  user_id: orEmpty(UserId),
  metadata: Pairs
})
export type SettingsChanged = typeof SettingsChanged.Type

export const ConversationEvent = Schema.Union([MemberAdded, MemberRemoved, SettingsChanged])
export type ConversationEvent = typeof ConversationEvent.Type

export const ConversationStats = Schema.Struct({
  conversation_id: ConversationId,
  user_id: orEmpty(UserId),
  metrics: Schema.Array(StatsMetric).pipe(Schema.check(Schema.isMaxLength(MAX_PAIRS)))
})
export type ConversationStats = typeof ConversationStats.Type

export const GroupCreation = Schema.Struct({
  group_id: Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(255))),
  creator_id: UserId,
  member_ids: Schema.Array(UserId).pipe(Schema.check(Schema.isMaxLength(MAX_MEMBERS - 1))),
  group_name: Schema.String.pipe(Schema.check(Schema.isMaxLength(255))),
  settings: Pairs
})
export type GroupCreation = typeof GroupCreation.Type

export const MediaLink = Schema.Struct({
  message_id: MessageId,
  media_id: MediaId,
  media_type: Schema.Literals(["image", "video", "audio", "document"]),
  metadata: StringMap.pipe(Schema.decodeTo(AttachmentMetadata))
})
export type MediaLink = typeof MediaLink.Type
