/** Conversations, their members and their positions in storage. Written by ConversationActors only, except creation. */
import type { Effect, Result } from "effect"
import { Context } from "effect"
import type { ConversationType, ConversationView, Member, Role, State } from "../Conversation.ts"
import type { MemberSettings, UpdateMemberSettings, UpdateSettings } from "../ConversationSettings.ts"
import type { Conflict, NotFound, NotMember, Overloaded, Unavailable } from "../Errors.ts"
import type { ConversationId, UserId } from "../Ids.ts"
import type { Metadata } from "../Message.ts"

export interface NewConversation {
  readonly id: ConversationId
  readonly type: ConversationType
  readonly creator: UserId
  /** Everyone, the creator included, each once. */
  readonly memberIds: ReadonlyArray<UserId>
  readonly metadata: Metadata
  readonly externalGroupId: string | null
  /** Whose name for the group that is; left out where it is a name among peer services. */
  readonly externalGroupCreator?: UserId | undefined
  /** Unix ms. */
  readonly createdAt: number
}

export interface Advance {
  readonly conversationId: ConversationId
  readonly userId: UserId
  readonly readSeq: number
  readonly deliveredSeq: number
}

/** What became of a removal. */
export interface Removal {
  /** False when storage knows of another role, or of none: whoever decided did so from an old state. */
  readonly removed: boolean
  /** Who owns the group now that its owner has left. */
  readonly heir: UserId | null
  /** The last one has left. */
  readonly closed: boolean
}

/** The last send of a member. */
export interface RecentSend {
  /** Unix ms. */
  readonly at: number
  readonly clientRandom: number
}

/** From where on, opaque, and how many at the most. */
export interface PageOptions {
  readonly cursor: string | undefined
  readonly limit: number
}

/** Which of one's conversations; all that is given must hold. */
export interface ListFilter {
  readonly archived?: boolean | undefined
  /** A part of the `name` or `title` in the metadata, in any case. */
  readonly text?: string | undefined
  /** Who is in it as well. */
  readonly memberId?: UserId | undefined
}

/** One conversation in one member's list. */
export interface ConversationSummary {
  readonly conversation: ConversationView
  readonly role: Role
  readonly settings: MemberSettings
  readonly lastReadSeq: number
  /** Messages after the member's read watermark, not counting their own. */
  readonly unreadCount: number
  /** Those of them that mention the member. */
  readonly unreadMentions: number
}

export interface ConversationPage {
  readonly items: ReadonlyArray<ConversationSummary>
  /** Opaque; `null` at the end. */
  readonly nextCursor: string | null
}

export interface ConversationStats {
  /** Messages that are not deleted; `undefined` when they were not to be counted. */
  readonly messages: number | undefined
  /** Of the user that was named: messages after their read watermark, up to 1000. */
  readonly unread: number | undefined
  /** Unix ms. */
  readonly lastActivity: number
}

export class ConversationStore extends Context.Service<
  ConversationStore,
  {
    /**
     * Creates, or answers the existing one: a direct conversation is unique per pair, a group per
     * `externalGroupId` of its creator, or of peers, and anything of the same creator per id (race-safe). The creator becomes owner; in a direct conversation both are.
     */
    readonly create: (
      conversation: NewConversation
    ) => Effect.Effect<{ readonly id: ConversationId; readonly created: boolean }, Conflict | Unavailable>
    readonly load: (id: ConversationId) => Effect.Effect<State, NotFound | Unavailable>
    /** How far the conversation has come. Batched across callers. */
    readonly lastSeq: (id: ConversationId) => Effect.Effect<number, NotFound | Unavailable>
    /** Pinned ones, then the most recently active first; keyset-paged. `Conflict` on a cursor that is not ours. */
    readonly listOf: (
      userId: UserId,
      options: ListFilter & PageOptions
    ) => Effect.Effect<ConversationPage, Conflict | Unavailable>
    /** Counting messages takes as long as the conversation is: for those who ask rarely. */
    readonly stats: (
      id: ConversationId,
      wanted: { readonly countMessages: boolean; readonly unreadOf: UserId | undefined }
    ) => Effect.Effect<ConversationStats, NotFound | NotMember | Unavailable>
    /** Ids of all conversations this user is in, for live previews. Batched across callers. */
    readonly idsOf: (userId: UserId) => Effect.Effect<ReadonlyArray<ConversationId>, Unavailable>
    /** Those of these users who are in a conversation with this one; also the user, if asked for. */
    readonly sharing: (
      userId: UserId,
      userIds: ReadonlyArray<UserId>
    ) => Effect.Effect<ReadonlyArray<UserId>, Unavailable>
    /** Adds or re-activates members; answers those who were not members before. */
    readonly addMembers: (
      id: ConversationId,
      userIds: ReadonlyArray<UserId>,
      role: Role,
      at: number
    ) => Effect.Effect<ReadonlyArray<Member>, NotFound | Unavailable>
    /** `by` removes a member of that role, or leaves; without anybody's name, the service itself removes them. */
    readonly removeMember: (
      id: ConversationId,
      by: UserId | null,
      userId: UserId,
      role: Role
    ) => Effect.Effect<Removal, Unavailable>
    /** By the owner; whom they make owner takes their place. False when storage knows of other roles. */
    readonly changeRole: (
      id: ConversationId,
      by: UserId,
      userId: UserId,
      role: Role
    ) => Effect.Effect<boolean, Unavailable>
    /** In the order of user ids, those after `after`. */
    readonly membersOf: (
      id: ConversationId,
      options: { readonly after: UserId | undefined; readonly limit: number }
    ) => Effect.Effect<ReadonlyArray<Member>, Unavailable>
    /** Deletes for everyone, by the owner. False when storage knows of another owner. */
    readonly close: (id: ConversationId, by: UserId, at: number) => Effect.Effect<boolean, Unavailable>
    /** Deletes for one member what there is now; answers up to where that is. */
    readonly clear: (id: ConversationId, userId: UserId) => Effect.Effect<number, NotFound | Unavailable>
    readonly configure: (
      id: ConversationId,
      settings: UpdateSettings
    ) => Effect.Effect<void, NotFound | Unavailable>
    readonly prefer: (
      id: ConversationId,
      userId: UserId,
      settings: UpdateMemberSettings
    ) => Effect.Effect<void, NotFound | Unavailable>
    /** Who has sent since then (Unix ms), and when last. */
    readonly recentSends: (
      id: ConversationId,
      since: number
    ) => Effect.Effect<ReadonlyMap<UserId, RecentSend>, Unavailable>
    readonly update: (
      id: ConversationId,
      metadata: Metadata,
      at: number
    ) => Effect.Effect<void, NotFound | Unavailable>
    /**
     * Moves watermarks forward, group-committed and merged per member like message appends; `done` is called
     * once, after the commit.
     */
    readonly advance: (
      advance: Advance,
      done: (result: Result.Result<void, Unavailable | Overloaded>) => void
    ) => void
  }
>()("messaging-service/domain/ports/ConversationStore") {}
