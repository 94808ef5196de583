/**
 * The media behind attachments, which another service keeps. Asked before a message with attachments is stored, told
 * after; where no such service is configured, any media id may be attached, by anybody.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Forbidden, NotFound, Unavailable } from "../Errors.ts"
import type { ConversationId, MediaId, MessageId, UserId } from "../Ids.ts"

export interface MediaLink {
  readonly mediaId: MediaId
  readonly messageId: MessageId
  readonly conversationId: ConversationId
  readonly userId: UserId
}

export class Media extends Context.Service<
  Media,
  {
    /** Succeeds when this user may attach all of these in this conversation. Nothing is attached that it refuses. */
    readonly check: (
      userId: UserId,
      conversationId: ConversationId,
      mediaIds: ReadonlyArray<MediaId>
    ) => Effect.Effect<void, Forbidden | NotFound | Unavailable>
    /** Tells that a stored message shows this medium. A retried send tells it again. */
    readonly linked: (link: MediaLink) => Effect.Effect<void, Unavailable>
  }
>()("messaging-service/domain/ports/Media") {}
