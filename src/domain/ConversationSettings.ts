/**
 * What can be set: for a conversation as a whole, and by each member for themselves. Storage keeps only what was set;
 * everything else has the value given here.
 */
import { Schema } from "effect"
import { Timestamp } from "./Message.ts"

/** Whom a setting opens something to: all members, or the owner and the admins. */
export const Audience = Schema.Literals(["everyone", "admins"])
export type Audience = typeof Audience.Type

const MAX_SLOW_MODE = 6 * 3600
/** Ten years: longer is for ever. */
const MAX_LIFETIME = 10 * 366 * 24 * 3600

const seconds = (minimum: number, maximum: number) =>
  Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum, maximum })))

const fields = {
  who_may_post: Audience,
  who_may_add_members: Audience,
  who_may_pin: Audience,
  /** How long an ordinary member waits from one message to the next; 0 for not at all. */
  slow_mode_seconds: seconds(0, MAX_SLOW_MODE),
  /** How long messages are kept, counted from their sending; null for ever. */
  retention_seconds: Schema.NullOr(seconds(60, MAX_LIFETIME)),
  /** How long new messages live that do not say it themselves; null for ever. */
  message_ttl_seconds: Schema.NullOr(seconds(1, MAX_LIFETIME))
}

export const ConversationSettings = Schema.Struct(fields).annotate({ identifier: "ConversationSettings" })
export type ConversationSettings = typeof ConversationSettings.Type

export const defaultSettings: ConversationSettings = {
  who_may_post: "everyone",
  who_may_add_members: "admins",
  who_may_pin: "admins",
  slow_mode_seconds: 0,
  retention_seconds: null,
  message_ttl_seconds: null
}

/** What is left out stays as it is. */
export const UpdateSettings = Schema.Struct({
  who_may_post: Schema.optionalKey(fields.who_may_post),
  who_may_add_members: Schema.optionalKey(fields.who_may_add_members),
  who_may_pin: Schema.optionalKey(fields.who_may_pin),
  slow_mode_seconds: Schema.optionalKey(fields.slow_mode_seconds),
  retention_seconds: Schema.optionalKey(fields.retention_seconds),
  message_ttl_seconds: Schema.optionalKey(fields.message_ttl_seconds)
}).annotate({ identifier: "UpdateSettings" })
export type UpdateSettings = typeof UpdateSettings.Type

/** A moment as clients write it: anything that ISO 8601 is, with its offset. */
const Moment = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter(
      (text) =>
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text) && Date.parse(text) > 0,
      { expected: "an ISO 8601 time such as 2030-01-31T12:00:00.000Z" }
    )
  )
)

/** One member's own view of a conversation; nobody else sees it. `muted_until` null with `muted`: until further notice. */
export const MemberSettings = Schema.Struct({
  muted: Schema.Boolean,
  muted_until: Schema.NullOr(Timestamp),
  pinned: Schema.Boolean,
  archived: Schema.Boolean
}).annotate({ identifier: "MemberSettings" })
export type MemberSettings = typeof MemberSettings.Type

/** What is left out stays as it is. */
export const UpdateMemberSettings = Schema.Struct({
  muted: Schema.optionalKey(Schema.Boolean),
  muted_until: Schema.optionalKey(Schema.NullOr(Moment)),
  pinned: Schema.optionalKey(Schema.Boolean),
  archived: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "UpdateMemberSettings" })
export type UpdateMemberSettings = typeof UpdateMemberSettings.Type

export const defaultMemberSettings: MemberSettings = {
  muted: false,
  muted_until: null,
  pinned: false,
  archived: false
}

/** As it is kept: muting without an end is until further notice, whenever an earlier one was to end; times are in UTC. */
export const completed = ({ muted_until, ...settings }: UpdateMemberSettings): UpdateMemberSettings => {
  if (typeof muted_until === "string")
    return { ...settings, muted_until: new Date(muted_until).toISOString() }
  return muted_until === undefined && settings.muted === undefined
    ? settings
    : { ...settings, muted_until: null }
}

/** Whether a member wants no notifications at this moment (Unix ms). */
export const isMuted = ({ muted, muted_until }: MemberSettings, now: number): boolean =>
  muted && (muted_until === null || Date.parse(muted_until) > now)
