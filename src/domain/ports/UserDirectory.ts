/**
 * What the user service knows of its users: who may do what where, and who has blocked whom. Asked in addition to the
 * rules of a conversation, never instead of them. Where no such service is configured, everything is granted.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Forbidden, Unavailable } from "../Errors.ts"
import type { ConversationId, UserId } from "../Ids.ts"
import type { MessageType } from "../Message.ts"

export interface Sending {
  readonly senderId: UserId
  readonly conversationId: ConversationId
  readonly messageType: MessageType
}

export class UserDirectory extends Context.Service<
  UserDirectory,
  {
    /**
     * Whether a message may be sent. `undefined`, at no cost, where nobody has to be asked; `recipients` is run only
     * where somebody has, and is empty for "whoever is in the conversation".
     */
    readonly maySend: <E, R>(
      sending: Sending,
      recipients: Effect.Effect<ReadonlyArray<UserId>, E, R>
    ) => Effect.Effect<void, Forbidden | Unavailable | E, R> | undefined
    /** Whether a member may open this conversation on a device. */
    readonly mayJoin: (
      userId: UserId,
      conversationId: ConversationId
    ) => Effect.Effect<void, Forbidden | Unavailable>
    /** Whether a user may bring these into a conversation: nobody among them has blocked them, or they them. */
    readonly mayInvite: (
      userId: UserId,
      others: ReadonlyArray<UserId>
    ) => Effect.Effect<void, Forbidden | Unavailable>
  }
>()("messaging-service/domain/ports/UserDirectory") {}
