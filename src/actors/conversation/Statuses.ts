/**
 * How far a message has come, and how things stand in a conversation: the application service behind the status routes of
 * REST and the statistics of gRPC. It reads what is committed, and wakes no actor but to ask who is a member.
 */
import { Context, Effect, Layer } from "effect"
import type { NotFound, NotMember, Unavailable } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { ConversationId, MessageId, UserId } from "../../domain/Ids.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { StatusStore } from "../../domain/ports/StatusStore.ts"
import type { ConversationStatus, MessageStatus, StatsMetric } from "../../domain/Statuses.ts"
import { type AskError, Conversations, type Limited } from "./Conversations.ts"

/** What was asked for; `last_activity` in Unix ms. */
export type Figures = Readonly<Partial<Record<StatsMetric, number>>>

export class Statuses extends Context.Service<
  Statuses,
  {
    /** To whom it was delivered and who has read it, as the caller may know it. */
    readonly message: (
      caller: Identity,
      id: ConversationId,
      messageId: MessageId
    ) => Effect.Effect<MessageStatus, NotFound | AskError>
    /** All figures when none is named. Counting the messages is limited like a search. */
    readonly conversation: (
      caller: Identity,
      id: ConversationId,
      metrics: ReadonlyArray<StatsMetric>
    ) => Effect.Effect<ConversationStatus, NotFound | Limited | AskError>
    /** Those that are named, or all; of a user only where there is one. For whoever may know them. */
    readonly figures: (
      id: ConversationId,
      metrics: ReadonlyArray<StatsMetric>,
      userId: UserId | undefined
    ) => Effect.Effect<Figures, NotFound | NotMember | Unavailable>
  }
>()("messaging-service/actors/conversation/Statuses") {}

const time = (millis: number | undefined): string | null =>
  millis === undefined ? null : new Date(millis).toISOString()

const progress = ({ delivered, read, total }: Record<"total" | "delivered" | "read", number>) => {
  if (total === 0 || delivered < total) return "sent"
  return read < total ? "delivered" : "read"
}

export const layer = (options: {
  /** Recipients of a message up to which each is named. */
  readonly maxListed: number
}) =>
  Layer.effect(
    Statuses,
    Effect.gen(function* () {
      const conversations = yield* Conversations
      const store = yield* ConversationStore
      const statuses = yield* StatusStore
      const admission = yield* Admission

      const figures: Statuses["Service"]["figures"] = Effect.fn("Statuses.figures")(
        function* (id, metrics, userId) {
          const wants = (metric: StatsMetric) => metrics.length === 0 || metrics.includes(metric)
          const found = yield* store.stats(id, {
            countMessages: wants("message_count"),
            unreadOf: wants("unread_count") ? userId : undefined
          })
          return {
            ...(found.messages === undefined ? {} : { message_count: found.messages }),
            ...(found.unread === undefined ? {} : { unread_count: found.unread }),
            ...(wants("last_activity") ? { last_activity: found.lastActivity } : {})
          }
        }
      )

      return Statuses.of({
        figures,

        message: Effect.fn("Statuses.message")(function* (caller, id, messageId) {
          const message = yield* conversations.message(caller, id, messageId)
          const recipients = yield* statuses.recipientsOf(message, {
            viewer: caller.userId,
            maxListed: options.maxListed
          })
          const { delivered, list, read, total } = recipients
          return {
            message_id: messageId,
            conversation_id: id,
            seq: message.seq,
            sent_at: message.sent_at,
            status: progress(recipients),
            recipients: total,
            delivered_count: delivered,
            read_count: read,
            delivered_to:
              list?.flatMap(({ deliveredAt, isDelivered, userId }) =>
                isDelivered ? [{ user_id: userId, delivered_at: time(deliveredAt) }] : []
              ) ?? null,
            read_by:
              list?.flatMap(({ isRead, readAt, userId }) =>
                isRead ? [{ user_id: userId, read_at: time(readAt) }] : []
              ) ?? null
          }
        }),

        conversation: Effect.fn("Statuses.conversation")(function* (caller, id, metrics) {
          const { last_seq, member_count } = yield* conversations.show(caller, id)
          if (metrics.length === 0 || metrics.includes("message_count")) {
            yield* wait(admission.act(caller, "search"))
          }
          const { last_activity, ...counts } = yield* figures(id, metrics, caller.userId)
          return {
            conversation_id: id,
            last_seq,
            member_count,
            ...counts,
            ...(last_activity === undefined ? {} : { last_activity: new Date(last_activity).toISOString() })
          }
        })
      })
    })
  )
