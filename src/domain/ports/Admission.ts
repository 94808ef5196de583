/**
 * What a message must pass before it reaches its conversation, whichever edge it came in by: size, then (as the
 * policy grows) rate limits, blocks and content rules.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { ContentRejected, MessageTooLarge, RateLimited, Unavailable, UserBlocked } from "../Errors.ts"
import type { Identity } from "../Identity.ts"
import type { ConversationId } from "../Ids.ts"
import type { Metadata } from "../Message.ts"

export type AdmissionRefusal = MessageTooLarge | RateLimited | UserBlocked | ContentRejected | Unavailable

/** What a person writes: a message, or the edit of one. */
export interface Writing {
  readonly content: string
  readonly metadata?: Metadata
}

export class Admission extends Context.Service<
  Admission,
  {
    /** Answers the message to store, which a sanitising rule may have changed. */
    readonly message: <M extends Writing>(
      sender: Identity,
      conversationId: ConversationId,
      message: M
    ) => Effect.Effect<M, AdmissionRefusal>
  }
>()("messaging-service/domain/ports/Admission") {}
