/**
 * The way to people of whom no device is connected. Whoever implements it hands a message on to what wakes their phones.
 * Each message comes once, with everybody who is to learn of it; who that is has been decided.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { ConversationId, MessageId, UserId } from "../Ids.ts"
import type { MessageType } from "../Message.ts"

export interface MessageNotification {
  readonly messageId: MessageId
  readonly conversationId: ConversationId
  readonly senderId: UserId
  /** At least one. */
  readonly recipientIds: ReadonlyArray<UserId>
  /** Those of them whom the message mentions. */
  readonly mentionedIds: ReadonlyArray<UserId>
  readonly messageType: MessageType
  /** The beginning of the text; empty where we may not look into the content. */
  readonly preview: string
}

export class Notifications extends Context.Service<
  Notifications,
  {
    /** False: nobody takes notifications, and none needs to be made. */
    readonly isConfigured: boolean
    /** `Unavailable`: none of them was taken, they may be sent again. */
    readonly send: (notifications: ReadonlyArray<MessageNotification>) => Effect.Effect<void, Unavailable>
  }
>()("messaging-service/domain/ports/Notifications") {}
