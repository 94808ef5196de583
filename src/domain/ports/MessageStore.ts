/**
 * Reading messages. Every read is one indexed query, independent of how long the conversation is. A `viewer` does
 * not get what they have deleted for themselves; without one, everything is read.
 *
 * A page ends at its limit or where its messages have become too many bytes, whichever comes first; it has one message
 * at least, however large, when there is any.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Conflict, Unavailable } from "../Errors.ts"
import type { ConversationId, MessageId, UserId } from "../Ids.ts"
import type { Attachment, Message } from "../Message.ts"

/** A message that stands pinned in its conversation. */
export interface Pin {
  readonly message: Message
  readonly pinnedBy: UserId
  /** Unix ms. */
  readonly pinnedAt: number
}

export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly hasMore: boolean
}

/** An attachment and where it hangs. */
export interface PlacedAttachment {
  readonly attachment: Attachment
  readonly messageId: MessageId
  readonly seq: number
  /** Among the attachments of its message. */
  readonly position: number
  readonly senderId: UserId
  /** Unix ms. */
  readonly sentAt: number
}

export interface Search {
  readonly userId: UserId
  /** One conversation, or all of the user's. */
  readonly conversationId: ConversationId | undefined
  /** As people write it: words, "words side by side", or, -without. */
  readonly text: string
  readonly cursor: string | undefined
  readonly limit: number
  /** Unix ms. */
  readonly at: number
}

export interface SearchPage {
  readonly items: ReadonlyArray<Message>
  /** Opaque; `null` at the end. */
  readonly nextCursor: string | null
}

/** Before which attachment a page begins. */
export type AttachmentPlace = Pick<PlacedAttachment, "seq" | "position">

/** Who reads, and up to where they have deleted the conversation for themselves. */
export interface Viewer {
  readonly userId: UserId
  readonly clearedSeq: number
}

export class MessageStore extends Context.Service<
  MessageStore,
  {
    /**
     * What changed after `afterSeq`, ordered by `version_seq`: new messages and known ones that changed since,
     * tombstones included, in their present state.
     */
    readonly catchUp: (
      id: ConversationId,
      afterSeq: number,
      limit: number,
      viewer?: Viewer
    ) => Effect.Effect<Page<Message>, Unavailable>
    /** The `limit` messages before `beforeSeq` (or the newest), in ascending `seq`. */
    readonly before: (
      id: ConversationId,
      beforeSeq: number | undefined,
      limit: number,
      viewer?: Viewer
    ) => Effect.Effect<Page<Message>, Unavailable>
    /** The `limit` messages after `afterSeq`, in ascending `seq`. */
    readonly after: (
      id: ConversationId,
      afterSeq: number,
      limit: number,
      viewer?: Viewer
    ) => Effect.Effect<Page<Message>, Unavailable>
    readonly get: (id: MessageId, viewer?: Viewer) => Effect.Effect<Message | undefined, Unavailable>
    /** Newest pin first. */
    readonly pins: (id: ConversationId, viewer?: Viewer) => Effect.Effect<ReadonlyArray<Pin>, Unavailable>
    /**
     * The messages in which the search's words occur, the latest first: of conversations that the user is a member
     * of, without what they have deleted for themselves and what is over at `at`. `Conflict` on a cursor that is not
     * ours.
     */
    readonly search: (search: Search) => Effect.Effect<SearchPage, Conflict | Unavailable>
    /**
     * Messages whose time is over at `at` and that are not deleted yet, in any conversation, the first to expire
     * first. Without their content.
     */
    readonly expired: (at: number, limit: number) => Effect.Effect<ReadonlyArray<Message>, Unavailable>
    /**
     * The conversation's attachments before `before`, or the newest; the latest first. Of messages whose time is not
     * over at `at`.
     */
    readonly attachments: (
      id: ConversationId,
      before: AttachmentPlace | undefined,
      limit: number,
      at: number,
      viewer?: Viewer
    ) => Effect.Effect<Page<PlacedAttachment>, Unavailable>
    /**
     * Ids of messages that the viewer deleted for themselves when the conversation stood at `fromSeq` or later, the
     * newest `limit` of them.
     */
    readonly hiddenSince: (
      id: ConversationId,
      viewer: UserId,
      fromSeq: number,
      limit: number
    ) => Effect.Effect<ReadonlyArray<MessageId>, Unavailable>
  }
>()("messaging-service/domain/ports/MessageStore") {}
