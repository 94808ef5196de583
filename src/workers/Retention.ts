/**
 * Deletes messages whose time is over: each one a durable change with a number of its own, made by the conversation's
 * actor like any other, so that every device hears of it or catches up on it. Nobody has read them since their time
 * was over (see `domain/Expiry`); this is what makes them go.
 *
 * One node at a time does it. Should two, the second finds the message deleted: a deletion takes no second number.
 */
import { Clock, Context, type Duration, Effect, Layer } from "effect"
import { ConversationRegistry } from "../actors/ConversationRegistry.ts"
import type { Message } from "../domain/Message.ts"
import { MessageStore } from "../domain/ports/MessageStore.ts"
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

  /** True when it is worth looking again at once. */
  const sweep = Effect.gen(function* () {
    if (!(yield* leases.hold(LEASE))) return false
    const now = yield* Clock.currentTimeMillis
    const due = yield* messages.expired(now, batch)
    const removed = yield* Effect.forEach(due, (target) => remove(target, now), { concurrency: CONCURRENCY })
    return due.length === batch && removed.every((isRemoved) => isRemoved)
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
