/** Conversations, their members and their positions in storage. Written by ConversationActors only, except creation. */
import type { Effect, Result } from "effect"
import { Context } from "effect"
import type { ConversationType, ConversationView, Member, Role, State } from "../Conversation.ts"
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
  /** Unix ms. */
  readonly createdAt: number
}

export interface Advance {
  readonly conversationId: ConversationId
  readonly userId: UserId
  readonly readSeq: number
  readonly deliveredSeq: number
}

/** One conversation in one member's list. */
export interface ConversationSummary {
  readonly conversation: ConversationView
  readonly role: Role
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
     * `externalGroupId` (race-safe). The creator becomes owner; in a direct conversation both are.
     */
    readonly create: (
      conversation: NewConversation
    ) => Effect.Effect<{ readonly id: ConversationId; readonly created: boolean }, Conflict | Unavailable>
    readonly load: (id: ConversationId) => Effect.Effect<State, NotFound | Unavailable>
    /** How far the conversation has come. Batched across callers. */
    readonly lastSeq: (id: ConversationId) => Effect.Effect<number, NotFound | Unavailable>
    /** Most recently active first; keyset-paged. `Conflict` on a cursor that is not ours. */
    readonly listOf: (
      userId: UserId,
      options: { readonly cursor: string | undefined; readonly limit: number }
    ) => Effect.Effect<ConversationPage, Conflict | Unavailable>
    /** Counting messages takes as long as the conversation is: for those who ask rarely. */
    readonly stats: (
      id: ConversationId,
      wanted: { readonly countMessages: boolean; readonly unreadOf: UserId | undefined }
    ) => Effect.Effect<ConversationStats, NotFound | NotMember | Unavailable>
    /** Ids of all conversations this user is in, for live previews. Batched across callers. */
    readonly idsOf: (userId: UserId) => Effect.Effect<ReadonlyArray<ConversationId>, Unavailable>
    /** Adds or re-activates members; answers those who were not members before. */
    readonly addMembers: (
      id: ConversationId,
      userIds: ReadonlyArray<UserId>,
      role: Role,
      at: number
    ) => Effect.Effect<ReadonlyArray<Member>, NotFound | Unavailable>
    readonly removeMember: (id: ConversationId, userId: UserId) => Effect.Effect<void, Unavailable>
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
