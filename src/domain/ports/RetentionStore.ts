/** How far the retention of each conversation has come. Written by the Retention worker only. */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { ConversationId } from "../Ids.ts"
import type { Message } from "../Message.ts"

export interface DueRetention {
  readonly conversationId: ConversationId
  /** How long its messages are kept, in ms. */
  readonly retention: number
  /** Every message up to here is deleted. */
  readonly retainedSeq: number
}

export class RetentionStore extends Context.Service<
  RetentionStore,
  {
    /** Conversations of which a message may be due at `at`. */
    readonly due: (at: number, limit: number) => Effect.Effect<ReadonlyArray<DueRetention>, Unavailable>
    /** The messages after `seq`, in order, tombstones among them; without their content. */
    readonly after: (
      id: ConversationId,
      seq: number,
      limit: number
    ) => Effect.Effect<ReadonlyArray<Message>, Unavailable>
    /** Notes how far it has come, and when (Unix ms) to look again; unless the settings have changed meanwhile. */
    readonly advance: (
      due: DueRetention,
      retainedSeq: number,
      retainAt: number
    ) => Effect.Effect<void, Unavailable>
  }
>()("messaging-service/domain/ports/RetentionStore") {}
