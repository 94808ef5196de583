/**
 * The application service for messages that are sent later. Here they are written down, and changed until they are
 * sent; sending them is the worker's (`workers/ScheduledSends`), through `Conversations` like any message.
 */
import { Clock, Context, Effect, Layer } from "effect"
import {
  type Conflict,
  foreignCursor,
  InvalidInput,
  MessageTooLarge,
  type NotFound,
  type Unavailable
} from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { type SchedulePage, type ScheduleQuery, ScheduleStore } from "../../domain/ports/ScheduleStore.ts"
import {
  MAX_DAYS_AHEAD,
  type Reschedule,
  type ScheduledMessage,
  type ScheduleMessage
} from "../../domain/Scheduled.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import { type AskError, Conversations, type Limited } from "./Conversations.ts"

export interface ScheduleOptions {
  /** Pending messages of one sender. */
  readonly maxPending: number
  /** UTF-8 bytes of one message's content. */
  readonly maxMessageBytes: number
}

type ChangeError = Limited | NotFound | Conflict | InvalidInput | MessageTooLarge | Unavailable

export class ScheduledMessages extends Context.Service<
  ScheduledMessages,
  {
    readonly create: (
      caller: Identity,
      id: ConversationId,
      message: ScheduleMessage
    ) => Effect.Effect<
      { readonly scheduled: ScheduledMessage; readonly created: boolean },
      Conflict | InvalidInput | Limited | MessageTooLarge | AskError
    >
    readonly list: (
      caller: Identity,
      query: ScheduleQuery
    ) => Effect.Effect<SchedulePage, InvalidInput | Unavailable>
    readonly show: (caller: Identity, id: string) => Effect.Effect<ScheduledMessage, NotFound | Unavailable>
    readonly update: (
      caller: Identity,
      id: string,
      changes: Reschedule
    ) => Effect.Effect<ScheduledMessage, ChangeError>
    readonly cancel: (
      caller: Identity,
      id: string
    ) => Effect.Effect<ScheduledMessage, NotFound | Conflict | Unavailable>
  }
>()("messaging-service/actors/conversation/ScheduledMessages") {}

const DAY = 24 * 60 * 60 * 1000

const invalid = (path: string, message: string) => new InvalidInput({ issues: [{ path, message }] })

export const layer = (options: ScheduleOptions) =>
  Layer.effect(
    ScheduledMessages,
    Effect.gen(function* () {
      const store = yield* ScheduleStore
      const conversations = yield* Conversations
      const admission = yield* Admission

      /** The moment lies ahead, the content is not too large. The rest is judged when it is sent. */
      const check = Effect.fnUntraced(function* ({ content, scheduled_for }: Reschedule) {
        const now = yield* Clock.currentTimeMillis
        if (content !== undefined && Buffer.byteLength(content) > options.maxMessageBytes) {
          return yield* new MessageTooLarge({ limit: options.maxMessageBytes })
        }
        if (scheduled_for === undefined) return now
        const ahead = Date.parse(scheduled_for) - now
        if (ahead <= 0) return yield* invalid("scheduled_for", "Expected a time that is still to come")
        if (ahead > MAX_DAYS_AHEAD * DAY)
          return yield* invalid("scheduled_for", `Expected a time at most ${MAX_DAYS_AHEAD} days ahead`)
        return now
      })

      return ScheduledMessages.of({
        create: Effect.fn("ScheduledMessages.create")(function* (caller, id, message) {
          const at = yield* check(message)
          yield* wait(admission.act(caller, "change"))
          yield* conversations.show(caller, id)
          return yield* store.create(
            {
              id: newId(),
              conversationId: id,
              senderId: caller.userId,
              trust: caller.trust,
              message,
              at
            },
            options.maxPending
          )
        }),
        list: (caller, page) =>
          Effect.catchTag(store.list(caller.userId, page), "Conflict", () => Effect.fail(foreignCursor)),
        show: (caller, id) => store.get(id, caller.userId),
        update: Effect.fn("ScheduledMessages.update")(function* (caller, id, changes) {
          yield* check(changes)
          yield* wait(admission.act(caller, "change"))
          return yield* store.update(id, caller.userId, changes)
        }),
        cancel: (caller, id) => store.cancel(id, caller.userId)
      })
    })
  )
