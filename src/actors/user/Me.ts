/**
 * What users ask of themselves, across their conversations: the application service behind `user:{id}` and `/me`. A
 * change reaches all their devices, and the conversations that go by it.
 */
import { Context, Effect, Layer } from "effect"
import type { ReadPosition } from "../../domain/Conversation.ts"
import type { Overloaded, Unavailable } from "../../domain/Errors.ts"
import type { Caller, Identity } from "../../domain/Identity.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import type { Preferences, UpdatePreferences } from "../../domain/Preferences.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { Broker } from "../../domain/ports/Broker.ts"
import { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { SyncStore, type Unread } from "../../domain/ports/SyncStore.ts"
import { UserPreferences } from "../../domain/ports/UserPreferences.ts"
import * as Events from "../conversation/ConversationEvents.ts"
import { Conversations, type Limited } from "../conversation/Conversations.ts"

/** Conversations that are marked at once. */
const CONCURRENCY = 8

export interface Status {
  readonly conversations: number
  readonly unread: { readonly total: number; readonly conversations: number }
  readonly preferences: Preferences
}

export class Me extends Context.Service<
  Me,
  {
    readonly status: (caller: Identity) => Effect.Effect<Status, Unavailable>
    readonly unread: (caller: Identity) => Effect.Effect<Unread, Unavailable>
    readonly preferences: (caller: Identity) => Effect.Effect<Preferences, Unavailable>
    readonly updatePreferences: (
      caller: Identity,
      changes: UpdatePreferences
    ) => Effect.Effect<Preferences, Limited | Unavailable>
    /**
     * Marks everything there is now as read. Answers the positions; of a conversation that the caller is no member of,
     * none.
     */
    readonly markAllRead: (
      caller: Caller,
      ids: ReadonlyArray<ConversationId>
    ) => Effect.Effect<Readonly<Record<string, ReadPosition>>, Overloaded | Unavailable>
  }
>()("messaging-service/actors/user/Me") {}

export const layer = Layer.effect(
  Me,
  Effect.gen(function* () {
    const conversations = yield* Conversations
    const store = yield* ConversationStore
    const sync = yield* SyncStore
    const preferences = yield* UserPreferences
    const broker = yield* Broker
    const admission = yield* Admission

    return Me.of({
      unread: ({ userId }) => sync.unread(userId),
      preferences: ({ userId }) => preferences.get(userId),

      status: Effect.fn("Me.status")(function* ({ userId }) {
        const [ids, unread, preferred] = yield* Effect.all(
          [store.idsOf(userId), sync.unread(userId), preferences.get(userId)],
          { concurrency: "unbounded" }
        )
        return {
          conversations: ids.length,
          unread: { total: unread.total, conversations: unread.conversations.length },
          preferences: preferred
        }
      }),

      updatePreferences: Effect.fn("Me.updatePreferences")(function* (caller, changes) {
        yield* wait(admission.act(caller, "change"))
        const { userId } = caller
        const updated = yield* preferences.update(userId, changes)
        broker.publish(Events.preferencesUpdated(userId, updated))
        if (changes.last_seen !== undefined) broker.publish(Events.watchDoubted(userId))
        if (changes.read_receipts !== undefined) {
          for (const id of yield* store.idsOf(userId))
            broker.publish(Events.receiptsChanged(id, userId, updated.read_receipts))
        }
        return updated
      }),

      markAllRead: Effect.fn("Me.markAllRead")(function* (caller, ids) {
        const marked = yield* Effect.forEach(
          new Set(ids),
          (id) =>
            conversations.markRead(caller, id, {}).pipe(
              Effect.map((position) => [[id, position] as const]),
              Effect.catchTag(["NotMember", "NotFound"], () => Effect.succeed([]))
            ),
          { concurrency: CONCURRENCY }
        )
        return Object.fromEntries(marked.flat())
      })
    })
  })
)
