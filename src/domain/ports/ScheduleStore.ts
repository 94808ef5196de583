/**
 * Messages to be sent later, in storage. Senders write them until the first attempt to send; from then on only the
 * worker does.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Conflict, NotFound, Unavailable } from "../Errors.ts"
import type { TrustLevel } from "../Identity.ts"
import type { ConversationId, MessageId, UserId } from "../Ids.ts"
import type { Reschedule, ScheduledMessage, ScheduleMessage, ScheduleStatus } from "../Scheduled.ts"

export interface NewSchedule {
  readonly id: string
  readonly conversationId: ConversationId
  readonly senderId: UserId
  readonly trust: TrustLevel
  readonly message: ScheduleMessage
  /** Unix ms. */
  readonly at: number
}

/** Which of a sender's own: all, or those of one status. */
export interface ScheduleQuery {
  readonly cursor: string | undefined
  readonly limit: number
  readonly status?: ScheduleStatus | undefined
}

export interface SchedulePage {
  readonly items: ReadonlyArray<ScheduledMessage>
  /** Opaque; `null` at the end. */
  readonly nextCursor: string | null
}

/** One that is due, taken by this node for a while. */
export interface DueMessage {
  readonly scheduled: ScheduledMessage
  readonly trust: TrustLevel
  /** An attempt was made before, and how it ended is not known. */
  readonly isInDoubt: boolean
}

export class ScheduleStore extends Context.Service<
  ScheduleStore,
  {
    /**
     * A second one with the same conversation, sender and `client_random` answers the first. `Conflict`: the sender
     * has as many pending as they may.
     */
    readonly create: (
      schedule: NewSchedule,
      maxPending: number
    ) => Effect.Effect<
      { readonly scheduled: ScheduledMessage; readonly created: boolean },
      Conflict | Unavailable
    >
    readonly get: (id: string, senderId: UserId) => Effect.Effect<ScheduledMessage, NotFound | Unavailable>
    /** A sender's own, the first to be sent first. `Conflict` on a cursor that is not ours. */
    readonly list: (
      senderId: UserId,
      query: ScheduleQuery
    ) => Effect.Effect<SchedulePage, Conflict | Unavailable>
    /** `Conflict`: it is sent, or being sent, or cancelled, or has failed. */
    readonly update: (
      id: string,
      senderId: UserId,
      changes: Reschedule
    ) => Effect.Effect<ScheduledMessage, NotFound | Conflict | Unavailable>
    /** Again what is cancelled already: nothing to do. */
    readonly cancel: (
      id: string,
      senderId: UserId
    ) => Effect.Effect<ScheduledMessage, NotFound | Conflict | Unavailable>
    /** Takes what is due at `at`, in order. What is not settled by `until` is due again, for any node. */
    readonly take: (
      at: number,
      until: number,
      limit: number
    ) => Effect.Effect<ReadonlyArray<DueMessage>, Unavailable>
    readonly sent: (id: string, messageId: MessageId) => Effect.Effect<void, Unavailable>
    /** Sent all the same, when an attempt in doubt turns out to have stored the message. */
    readonly failed: (id: string, reason: string) => Effect.Effect<void, Unavailable>
    /** The next attempt is at `at`; `isInDoubt`: one that was made may have succeeded. */
    readonly later: (id: string, at: number, isInDoubt: boolean) => Effect.Effect<void, Unavailable>
  }
>()("messaging-service/domain/ports/ScheduleStore") {}
