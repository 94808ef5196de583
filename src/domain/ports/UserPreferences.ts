/** Preferences in storage; of a user without any, the defaults. */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { ConversationId, UserId } from "../Ids.ts"
import type { Preferences, UpdatePreferences } from "../Preferences.ts"

export class UserPreferences extends Context.Service<
  UserPreferences,
  {
    readonly get: (userId: UserId) => Effect.Effect<Preferences, Unavailable>
    readonly update: (userId: UserId, changes: UpdatePreferences) => Effect.Effect<Preferences, Unavailable>
    /** Who of them wants to be notified of messages in this conversation: members who have not muted it. */
    readonly notifiable: (
      conversationId: ConversationId,
      userIds: ReadonlyArray<UserId>
    ) => Effect.Effect<ReadonlyArray<UserId>, Unavailable>
  }
>()("messaging-service/domain/ports/UserPreferences") {}
