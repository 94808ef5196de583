/** Reading messages. Every read is one indexed query, independent of how long the conversation is. */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { ConversationId, MessageId } from "../Ids.ts"
import type { Message } from "../Message.ts"

export class MessageStore extends Context.Service<
  MessageStore,
  {
    /**
     * What changed after `afterSeq`, ordered by `version_seq`: new messages and known ones that changed since,
     * tombstones included, in their present state. At most `limit`.
     */
    readonly catchUp: (
      id: ConversationId,
      afterSeq: number,
      limit: number
    ) => Effect.Effect<ReadonlyArray<Message>, Unavailable>
    /** The `limit` messages before `beforeSeq` (or the newest), in ascending `seq`. */
    readonly before: (
      id: ConversationId,
      beforeSeq: number | undefined,
      limit: number
    ) => Effect.Effect<ReadonlyArray<Message>, Unavailable>
    /** The `limit` messages after `afterSeq`, in ascending `seq`. */
    readonly after: (
      id: ConversationId,
      afterSeq: number,
      limit: number
    ) => Effect.Effect<ReadonlyArray<Message>, Unavailable>
    readonly get: (id: MessageId) => Effect.Effect<Message | undefined, Unavailable>
  }
>()("messaging-service/domain/ports/MessageStore") {}
