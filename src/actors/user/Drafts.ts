/**
 * The application service for drafts: what a user has begun to write, the same on all of their devices. The last one
 * who writes is right; the others are told.
 */
import { Clock, Context, Effect, Layer } from "effect"
import type { Draft, SaveDraft } from "../../domain/Draft.ts"
import {
  type Conflict,
  foreignCursor,
  type InvalidInput,
  NotFound,
  type Unavailable
} from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { Broker } from "../../domain/ports/Broker.ts"
import { type DraftPage, DraftStore } from "../../domain/ports/DraftStore.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { draftUpdated } from "../conversation/ConversationEvents.ts"
import { type AskError, Conversations, type Limited } from "../conversation/Conversations.ts"

export class Drafts extends Context.Service<
  Drafts,
  {
    readonly save: (
      caller: Identity,
      id: ConversationId,
      draft: SaveDraft
    ) => Effect.Effect<Draft, Conflict | Limited | AskError>
    readonly show: (caller: Identity, id: ConversationId) => Effect.Effect<Draft, NotFound | AskError>
    /** Where there is none there is nothing to do. */
    readonly remove: (caller: Identity, id: ConversationId) => Effect.Effect<void, Unavailable>
    readonly list: (
      caller: Identity,
      options: { readonly cursor: string | undefined; readonly limit: number }
    ) => Effect.Effect<DraftPage, InvalidInput | Unavailable>
  }
>()("messaging-service/actors/user/Drafts") {}

/** `maxDrafts`: of one user. */
export const layer = ({ maxDrafts }: { readonly maxDrafts: number }) =>
  Layer.effect(
    Drafts,
    Effect.gen(function* () {
      const store = yield* DraftStore
      const conversations = yield* Conversations
      const broker = yield* Broker
      const admission = yield* Admission

      return Drafts.of({
        save: Effect.fn("Drafts.save")(function* (caller, id, wanted) {
          yield* wait(admission.act(caller, "change"))
          yield* conversations.show(caller, id)
          const at = yield* Clock.currentTimeMillis
          const draft = yield* store.save(caller.userId, id, wanted, { at, maxDrafts })
          broker.publish(draftUpdated(caller.userId, id, draft))
          return draft
        }),
        show: Effect.fn("Drafts.show")(function* (caller, id) {
          yield* conversations.show(caller, id)
          return (yield* store.get(caller.userId, id)) ?? (yield* new NotFound({ what: "draft" }))
        }),
        remove: Effect.fn("Drafts.remove")(function* (caller, id) {
          if (yield* store.remove(caller.userId, id)) broker.publish(draftUpdated(caller.userId, id, null))
        }),
        list: (caller, page) =>
          Effect.catchTag(store.list(caller.userId, page), "Conflict", () => Effect.fail(foreignCursor))
      })
    })
  )
