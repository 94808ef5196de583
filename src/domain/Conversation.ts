/**
 * A conversation's state, how its members see it, and how positions move in it. Pure. `ConversationActor` owns one
 * State; who may do what with it is in `Policy`.
 */
import { Result, Schema } from "effect"
import { ConversationSettings, type MemberSettings } from "./ConversationSettings.ts"
import { NotMember } from "./Errors.ts"
import { ConversationId, UserId } from "./Ids.ts"
import { Metadata, Position, Timestamp } from "./Message.ts"

/** Members of one conversation at the most. */
export const MAX_MEMBERS = 10_000

export const ConversationType = Schema.Literals(["direct", "group"])
export type ConversationType = typeof ConversationType.Type

export const Role = Schema.Literals(["owner", "admin", "member"])
export type Role = typeof Role.Type

export interface Member {
  readonly userId: UserId
  readonly role: Role
  /** Unix ms. */
  readonly joinedAt: number
  /** The conversation's last seq when the member joined: history before it was not addressed to them. */
  readonly joinedSeq: number
  readonly lastReadSeq: number
  readonly lastDeliveredSeq: number
  /** The conversation's last seq when the member last deleted a message for themselves; 0 for never. */
  readonly lastHiddenSeq: number
  /** Keeps to themselves how far they have read, and is not told it of others. */
  readonly hidesReads?: boolean
  /** Up to here the member has deleted the conversation for themselves; 0 for nothing. */
  readonly clearedSeq: number
  readonly settings: MemberSettings
}

/**
 * Gotcha: `members` is owned by one actor and updated in place, since groups of 10,000 make copies on every
 * receipt too dear. Nothing outside the actor holds on to it.
 */
export interface State {
  readonly id: ConversationId
  readonly type: ConversationType
  readonly externalGroupId: string | null
  readonly metadata: Metadata
  readonly settings: ConversationSettings
  /** False once it was deleted for everyone. */
  readonly isActive: boolean
  /** Unix ms. */
  readonly createdAt: number
  /** Unix ms. */
  readonly updatedAt: number
  readonly lastSeq: number
  readonly members: Map<UserId, Member>
}

/** A conversation as its members see it. */
export const ConversationView = Schema.Struct({
  id: ConversationId,
  type: ConversationType,
  external_group_id: Schema.NullOr(Schema.String),
  metadata: Metadata,
  settings: ConversationSettings,
  is_active: Schema.Boolean,
  last_seq: Position,
  member_count: Schema.Int,
  created_at: Timestamp,
  updated_at: Timestamp
}).annotate({ identifier: "Conversation" })
export type ConversationView = typeof ConversationView.Type

/** A member as the other members see them. */
export const MemberView = Schema.Struct({
  user_id: UserId,
  role: Role,
  joined_at: Timestamp
}).annotate({ identifier: "Member" })
export type MemberView = typeof MemberView.Type

/** How far one member has read and received. */
export const ReadPosition = Schema.Struct({ last_read_seq: Position, last_delivered_seq: Position })
export type ReadPosition = typeof ReadPosition.Type

export const view = (state: State): ConversationView => ({
  id: state.id,
  type: state.type,
  external_group_id: state.externalGroupId,
  metadata: state.metadata,
  settings: state.settings,
  is_active: state.isActive,
  last_seq: state.lastSeq,
  member_count: state.members.size,
  created_at: new Date(state.createdAt).toISOString(),
  updated_at: new Date(state.updatedAt).toISOString()
})

export const memberView = (member: Member): MemberView => ({
  user_id: member.userId,
  role: member.role,
  joined_at: new Date(member.joinedAt).toISOString()
})

/** The member behind a user id, or a refusal that does not tell whether the conversation exists. */
export const memberOf = (state: State, userId: UserId): Result.Result<Member, NotMember> => {
  const member = state.isActive ? state.members.get(userId) : undefined
  return member === undefined ? Result.fail(new NotMember()) : Result.succeed(member)
}

/** Moves a member's watermarks forward, never back and never past what exists; `undefined` when nothing moves. */
export const advance = (
  state: State,
  member: Member,
  to: { readonly read?: number | undefined; readonly delivered?: number | undefined }
): Member | undefined => {
  const clamp = (seq: number | undefined) => Math.min(seq ?? 0, state.lastSeq)
  const lastReadSeq = Math.max(member.lastReadSeq, clamp(to.read))
  // What was read has been delivered.
  const lastDeliveredSeq = Math.max(member.lastDeliveredSeq, clamp(to.delivered), lastReadSeq)
  if (lastReadSeq === member.lastReadSeq && lastDeliveredSeq === member.lastDeliveredSeq) return undefined
  return { ...member, lastReadSeq, lastDeliveredSeq }
}

/**
 * How far everybody is, as one member may see it: who keeps their own reading to themselves sees nobody else's. Of more
 * than `max` members, the viewer alone: a join of a large group would cost as much as the group is large.
 */
export const positions = (state: State, viewer: Member, max = Infinity): Record<string, ReadPosition> => {
  const out: Record<string, ReadPosition> = {}
  for (const m of state.members.size > max ? [viewer] : state.members.values()) {
    if (m.lastDeliveredSeq > 0) {
      const isHidden = m.userId !== viewer.userId && (m.hidesReads === true || viewer.hidesReads === true)
      out[m.userId] = {
        last_read_seq: isHidden ? 0 : m.lastReadSeq,
        last_delivered_seq: m.lastDeliveredSeq
      }
    }
  }
  return out
}
