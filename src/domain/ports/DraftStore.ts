/** Drafts in storage: one for a user in a conversation. */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Draft, SaveDraft } from "../Draft.ts"
import type { Conflict, Unavailable } from "../Errors.ts"
import type { ConversationId, UserId } from "../Ids.ts"

export interface DraftPage {
  readonly items: ReadonlyArray<Draft>
  /** Opaque; `null` at the end. */
  readonly nextCursor: string | null
}

export class DraftStore extends Context.Service<
  DraftStore,
  {
    /** Replaces what was there. `Conflict`: the user has as many drafts as they may. */
    readonly save: (
      userId: UserId,
      id: ConversationId,
      draft: SaveDraft,
      options: { readonly at: number; readonly maxDrafts: number }
    ) => Effect.Effect<Draft, Conflict | Unavailable>
    readonly get: (userId: UserId, id: ConversationId) => Effect.Effect<Draft | undefined, Unavailable>
    /** Whether there was one. */
    readonly remove: (userId: UserId, id: ConversationId) => Effect.Effect<boolean, Unavailable>
    /** Of the conversations they are a member of, the latest first. `Conflict` on a cursor that is not ours. */
    readonly list: (
      userId: UserId,
      options: { readonly cursor: string | undefined; readonly limit: number }
    ) => Effect.Effect<DraftPage, Conflict | Unavailable>
  }
>()("messaging-service/domain/ports/DraftStore") {}
