/**
 * To whom a message was delivered, and who has read it. Whether is in the members' positions, which are committed before
 * a receipt is acknowledged; when is kept of each message in conversations of up to so many members, a moment later.
 */
import { Context, type Effect } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { UserId } from "../Ids.ts"
import type { Message } from "../Message.ts"

export interface Recipient {
  readonly userId: UserId
  readonly isDelivered: boolean
  /** As the viewer may know it. */
  readonly isRead: boolean
  /** Unix ms; `undefined` where it is not known. */
  readonly deliveredAt: number | undefined
  readonly readAt: number | undefined
}

export interface Recipients {
  readonly total: number
  readonly delivered: number
  readonly read: number
  /** In the order of user ids; `undefined` when there are more than were to be listed. */
  readonly list: ReadonlyArray<Recipient> | undefined
}

export class StatusStore extends Context.Service<
  StatusStore,
  {
    /** The members, its sender aside, who were there when it was sent. */
    readonly recipientsOf: (
      message: Pick<Message, "id" | "conversation_id" | "seq" | "sender_id">,
      options: { readonly viewer: UserId; readonly maxListed: number }
    ) => Effect.Effect<Recipients, Unavailable>
  }
>()("messaging-service/domain/ports/StatusStore") {}
