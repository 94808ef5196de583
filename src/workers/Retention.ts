/**
 * Deletes messages whose time is over, by their own expiry or by their conversation's retention: each one a durable change with a number of its own, made by the conversation's
 * actor like any other, so that every device hears of it or catches up on it. Nobody has read them since their time
 * was over (see `domain/Expiry`); this is what makes them go.
 *
 * One node at a time does it. Should two, the second finds the message deleted: a deletion takes no second number.
 */
import { Clock, Context, type Duration, Effect, Layer } from "effect"
import { ConversationRegistry } from "../actors/conversation/ConversationRegistry.ts"
import { isOver } from "../domain/Expiry.ts"
import type { Message } from "../domain/Message.ts"
import { MessageStore } from "../domain/ports/MessageStore.ts"
import { type DueRetention, RetentionStore } from "../domain/ports/RetentionStore.ts"
import { WorkLeases } from "../domain/ports/WorkLeases.ts"

export interface RetentionOptions {
  /** Between two looks for messages whose time is over. */
  readonly interval: Duration.Input
  /** Messages of one look at the most; with more there is another look at once. */
  readonly batch: number
}

/** Conversations worked on at the same time. */
const CONCURRENCY = 16

const LEASE = "retention"

export class Retention extends Context.Service<
  Retention,
  {
    /** Works until it is interrupted; the supervision tree runs it. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/workers/Retention") {}

const make = Effect.fnUntraced(function* ({ batch, interval }: RetentionOptions) {
  const messages = yield* MessageStore
  const registry = yield* ConversationRegistry
  const retentions = yield* RetentionStore
  const leases = yield* WorkLeases

  /** False where it is still there, and is to be found again. */
  const remove = (target: Message, at: number) =>
    registry.ask(target.conversation_id, "Apply", { target, change: { kind: "delete" }, at }).pipe(
      Effect.as(true),
      Effect.catch((error) =>
        Effect.logWarning("A message whose time is over could not be deleted", error).pipe(
          Effect.annotateLogs({ message_id: target.id, conversation_id: target.conversation_id }),
          Effect.as(false)
        )
      )
    )

  /** True when there may be more, and nothing stood in the way. */
  const removeAll = (due: ReadonlyArray<Message>, now: number) =>
    Effect.map(
      Effect.forEach(due, (target) => remove(target, now), { concurrency: CONCURRENCY }),
      (removed) => due.length === batch && removed.every((isRemoved) => isRemoved)
    )

  const expire = (now: number) => Effect.flatMap(messages.expired(now, batch), (due) => removeAll(due, now))

  /**
   * One step of a conversation's retention. Messages are in the order of their sending: it ends at the first that is
   * to be kept. True when another step is due.
   */
  const retain = Effect.fnUntraced(function* (due: DueRetention, now: number) {
    const { conversationId, retainedSeq, retention } = due
    const next = yield* retentions.after(conversationId, retainedSeq, batch)
    const kept = next.findIndex((message) => !message.is_deleted && !isOver(message, now, retention))
    const over = kept === -1 ? next : next.slice(0, kept)
    const live = over.filter((message) => !message.is_deleted)
    const removed = yield* Effect.forEach(live, (target) => remove(target, now), { concurrency: CONCURRENCY })
    if (!removed.every((isRemoved) => isRemoved)) return false
    const isDone = kept !== -1 || next.length < batch
    const oldest = kept === -1 ? now : Date.parse(next[kept]!.sent_at)
    yield* retentions.advance(due, over.at(-1)?.seq ?? retainedSeq, isDone ? oldest + retention : now)
    return !isDone
  })

  const retainAll = Effect.fnUntraced(function* (now: number) {
    const due = yield* retentions.due(now, batch)
    const more = yield* Effect.forEach(due, (one) => retain(one, now), { concurrency: CONCURRENCY })
    return due.length === batch || more.some((isMore) => isMore)
  })

  /** True when it is worth looking again at once. */
  const sweep = Effect.gen(function* () {
    if (!(yield* leases.hold(LEASE))) return false
    const now = yield* Clock.currentTimeMillis
    const [expired, retained] = [yield* expire(now), yield* retainAll(now)]
    return expired || retained
  }).pipe(
    Effect.catch((error) => Effect.as(Effect.logWarning("Looking for expired messages failed", error), false))
  )

  const run = sweep.pipe(
    Effect.flatMap((again) => (again ? Effect.void : Effect.sleep(interval))),
    Effect.forever,
    Effect.ensuring(leases.release(LEASE))
  )
  return Retention.of({ run })
})

export const layer = (options: RetentionOptions) => Layer.effect(Retention, make(options))
