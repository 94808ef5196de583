/** What of a user's conversations a device may have missed, which have changed, and what is unread: from Postgres, in one query each. */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { Unavailable } from "../Errors.ts"
import { ConversationId, type UserId } from "../Ids.ts"
import { Position } from "../Message.ts"

/** A conversation that has, or may have, news for a device. */
export interface Backlog {
  readonly conversationId: ConversationId
  readonly lastSeq: number
  /** History before it was not addressed to the user. */
  readonly joinedSeq: number
  /** Up to here the user has deleted the conversation for themselves. */
  readonly clearedSeq: number
  /** No device of the user has acknowledged what came after it. */
  readonly deliveredSeq: number
  /** The first number of the newest changes that were made since the moment asked for; `undefined` where none was. */
  readonly changedFrom: number | undefined
  /** How long the conversation keeps messages, in ms; null for ever. */
  readonly retention: number | null
}

/** One conversation with something unread. */
export const UnreadConversation = Schema.Struct({
  conversation_id: ConversationId,
  last_seq: Position,
  last_read_seq: Position,
  unread_count: Schema.Int
}).annotate({ identifier: "UnreadConversation" })

export const Unread = Schema.Struct({
  /** Of the conversations shown. Each counts up to a thousand. */
  total: Schema.Int,
  conversations: Schema.Array(UnreadConversation),
  /** There are more conversations than are shown: those with the latest activity. */
  has_more: Schema.Boolean
}).annotate({ identifier: "Unread" })
export type Unread = typeof Unread.Type

/** Conversations in `Unread` at the most. */
export const MAX_UNREAD_CONVERSATIONS = 200

export class SyncStore extends Context.Service<
  SyncStore,
  {
    /**
     * Conversations with activity `since` (Unix ms), those that are named, and, if `undelivered` is asked for, those with
     * anything that no device has acknowledged. The most recently active first.
     */
    readonly backlog: (
      userId: UserId,
      options: {
        readonly since: number
        readonly undelivered: boolean
        readonly named: ReadonlyArray<ConversationId>
        readonly limit: number
        /** Changes of one conversation that are looked through for the first one since then. */
        readonly lookBack: number
      }
    ) => Effect.Effect<ReadonlyArray<Backlog>, Unavailable>
    /**
     * Conversations of which the user's list may say something else than at `since` (Unix ms): those that the user came
     * into or left, that were renamed, set otherwise, gained or lost members, or were deleted. At most `limit` of them.
     */
    readonly changed: (
      userId: UserId,
      options: { readonly since: number; readonly limit: number }
    ) => Effect.Effect<ReadonlyArray<ConversationId>, Unavailable>
    readonly unread: (userId: UserId) => Effect.Effect<Unread, Unavailable>
  }
>()("messaging-service/domain/ports/SyncStore") {}
