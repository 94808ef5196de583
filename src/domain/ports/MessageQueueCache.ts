/**
 * What a user's devices have yet to be told, as references: "conversation C has news from seq f on". One queue per
 * user, one cursor per device. It is a cache: Postgres has the messages, and a lost queue costs its devices a reset.
 *
 * - A reference is open-ended. While no device was told of it, further news of its conversation add nothing, so a queue
 *   is as long as the conversations that have news, however many messages these are.
 * - Nothing is queued for a user none of whose devices ever came, or came within the lifetime of a queue.
 * - An entry goes when every device of the user has acknowledged it, or when there are too many: then devices that had
 *   not got that far are told so (`trimmed`).
 * - A device has one sync at a time: opening again takes the device from whoever held it, by a fencing token that only
 *   grows. Acknowledgements under an older token change nothing.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Conflict, Unavailable } from "../Errors.ts"
import type { ConversationId, DeviceId, UserId } from "../Ids.ts"

export interface QueueOptions {
  /** Entries of one user. */
  readonly maxLength: number
  /** Devices of one user; the one that is furthest behind makes room. */
  readonly maxDevices: number
  /** Milliseconds that a queue lives on after a device of its user was there last. */
  readonly lifetime: number
}

export interface News {
  readonly userId: UserId
  readonly conversationId: ConversationId
  readonly fromSeq: number
}

export interface QueueEntry {
  readonly id: string
  readonly conversationId: ConversationId
  readonly fromSeq: number
}

/**
 * `new`: the queue did not know this device, which named no cursor. `lost`: it named one, and the queue knows nothing of
 * it. `trimmed`: entries after its cursor are gone unread. In these cases there are no entries.
 */
export type QueueStatus = "resumed" | "new" | "lost" | "trimmed"

export interface OpenQueue {
  readonly status: QueueStatus
  /** The cursor it was opened at. */
  readonly after: string
  /** The cursor that acknowledges all of this. Later news get later ids. */
  readonly end: string
  readonly token: number
  /** What came with the acknowledgement of `after`; empty where the caller named a cursor itself. */
  readonly mark: string
  readonly entries: ReadonlyArray<QueueEntry>
}

export interface QueueTotals {
  /** Users that have a queue: one of their devices was there within the lifetime of a queue. */
  readonly users: number
  /** Entries of all of them. */
  readonly entries: number
}

export class MessageQueueCache extends Context.Service<
  MessageQueueCache,
  {
    /** Adds references. Of many users at once: each user's are added at once, or not at all. */
    readonly append: (news: ReadonlyArray<News>) => Effect.Effect<void, Unavailable>
    /** What came after the cursor, or (without one) after what the device acknowledged last. */
    readonly open: (
      userId: UserId,
      deviceId: DeviceId,
      cursor: string | undefined
    ) => Effect.Effect<OpenQueue, Unavailable>
    /**
     * Moves the device's cursor forward, never back, and keeps a mark with it. `Conflict`: the device was opened again
     * meanwhile.
     */
    readonly ack: (
      userId: UserId,
      deviceId: DeviceId,
      token: number,
      cursor: string,
      mark: string
    ) => Effect.Effect<void, Conflict | Unavailable>
    /** How much there is of it, for operators. At a bounded cost: where there are many it is an estimate. */
    readonly totals: Effect.Effect<QueueTotals, Unavailable>
  }
>()("messaging-service/domain/ports/MessageQueueCache") {}
