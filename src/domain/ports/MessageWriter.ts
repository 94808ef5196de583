/**
 * The one way a message becomes durable, and the one way it changes afterwards. Appends and changes of all
 * conversations are group-committed: what arrived while the last batch was being written goes into the next one.
 *
 * The contract, whoever implements it:
 * - `done` is called exactly once, after the row is committed or the append has failed;
 * - the `done`s of one conversation are called in the order of its `append`s and `change`s, and `seq` grows by one
 *   with each message and each change that changed something;
 * - a known `(conversation, sender, client_random)` answers the stored message, `duplicate: true`, no new seq;
 * - one conversation's failure fails no other conversation; its own later appends in flight fail with it;
 * - two writers of one conversation on one database end with one gapless order.
 */
import type { Result } from "effect"
import { Context } from "effect"
import type { Change } from "../Changes.ts"
import type { Conflict, InvalidInput, NotFound, Overloaded, Unavailable } from "../Errors.ts"
import type { ConversationId, MediaId, MessageId, UserId } from "../Ids.ts"
import type { Attachment, MediaType, MessageType, Metadata, Reaction } from "../Message.ts"

export interface NewAttachment {
  readonly id: string
  readonly mediaId: MediaId
  readonly mediaType: MediaType
  readonly metadata: Metadata
}

export interface NewMessage {
  readonly id: MessageId
  readonly conversationId: ConversationId
  readonly senderId: UserId
  readonly replyToId: MessageId | null
  readonly messageType: MessageType
  readonly content: string
  readonly metadata: Metadata
  readonly clientRandom: number
  /** Unix ms. */
  readonly sentAt: number
  /** Unix ms. */
  readonly expiresAt: number | null
  readonly attachments: ReadonlyArray<NewAttachment>
}

/** Where the message stands now; for a duplicate these are the stored message's. */
export interface Appended {
  readonly id: MessageId
  readonly seq: number
  /** Unix ms. */
  readonly sentAt: number
  readonly duplicate: boolean
}

/** `NotFound`: no such conversation, or no such message to reply to. `Overloaded`: the queue is full. */
export type AppendError = NotFound | InvalidInput | Overloaded | Unavailable

export interface NewChange {
  /** Of the row that it may add. */
  readonly id: string
  readonly conversationId: ConversationId
  readonly messageId: MessageId
  readonly userId: UserId
  /** Unix ms. */
  readonly at: number
  readonly change: Change
}

/** What else may have changed of a message that is shown as a whole. */
export interface RestOfMessage {
  /** Unix ms. */
  readonly editedAt: number | null
  readonly editCount: number
  readonly metadata: Metadata
  readonly reactions: ReadonlyArray<Reaction>
  readonly attachments: ReadonlyArray<Attachment>
  readonly isPinned: boolean
}

export interface ChangeOutcome {
  /** The message's `version_seq` now: the change's own number where it took one. */
  readonly versionSeq: number
  readonly changed: boolean
  /** Of an edit or a deletion that changed something. */
  readonly rest?: RestOfMessage | undefined
}

/**
 * `NotFound`: no such conversation, or no such message in it. `Conflict`: the message is deleted, has another
 * version than the expected one, or has reached a limit.
 */
export type ChangeError = NotFound | Conflict | InvalidInput | Overloaded | Unavailable

export class MessageWriter extends Context.Service<
  MessageWriter,
  {
    /**
     * Queues one message. Synchronous and callback-based on purpose: it stands on the path of every send, and
     * a fiber per message would cost more than the rest of that path. `done` must not throw.
     */
    readonly append: (
      message: NewMessage,
      done: (result: Result.Result<Appended, AppendError>) => void
    ) => void
    /**
     * Queues one change of a message, in order with the conversation's appends and other changes. Who may do it has
     * been decided; what others may have changed meanwhile is checked here. `done` must not throw.
     */
    readonly change: (
      change: NewChange,
      done: (result: Result.Result<ChangeOutcome, ChangeError>) => void
    ) => void
    /** Messages and changes queued and not yet committed. */
    readonly depth: () => number
  }
>()("messaging-service/domain/ports/MessageWriter") {}
