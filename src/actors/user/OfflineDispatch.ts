/**
 * What happens to a committed event after its sender has been answered and whoever is connected has it: references to
 * it go to the members' queues, for devices that are away. An actor only notes the event here, in a map; the loop, a
 * worker of the tree, does the rest.
 *
 * A conversation's events within one turn of the loop are one reference per member. Large conversations have their
 * turn less often, so that a conversation costs the queues about `entriesPerSecond` at the most, however large and
 * busy it is. What is lost on the way, with this process or with Redis, a sync finds in Postgres.
 */
import { Clock, Context, Duration, Effect, Latch, Layer, Metric } from "effect"
import type { State } from "../../domain/Conversation.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import { MessageQueueCache, type News } from "../../domain/ports/MessageQueueCache.ts"

export interface OfflineDispatchOptions {
  /** Conversations waiting for their turn; of a further one nothing is queued. */
  readonly capacity: number
  /** References of one conversation in a second, about. */
  readonly entriesPerSecond: number
}

/** The least time between two turns. */
const PACE = Duration.millis(25)
/** References handed over at once. */
const BATCH = 1_000

const queued = Metric.counter("offline_references_total", {
  description: "References handed to the queues of devices that may be away",
  incremental: true
})
const lost = Metric.counter("offline_references_lost_total", {
  description: "References that no queue took; a sync finds them in the database",
  incremental: true
})

interface Waiting {
  readonly members: State["members"]
  readonly fromSeq: number
  /** Unix ms. */
  readonly dueAt: number
}

export class OfflineDispatch extends Context.Service<
  OfflineDispatch,
  {
    /** Notes an event. Never fails, never waits. */
    readonly committed: (state: State, seq: number) => void
    /** Conversations waiting for their turn. */
    readonly depth: () => number
    /** The loop; the supervision tree runs it. Interrupted, it first hands over what waits. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/actors/user/OfflineDispatch") {}

export const layer = ({ capacity, entriesPerSecond }: OfflineDispatchOptions) =>
  Layer.effect(
    OfflineDispatch,
    Effect.gen(function* () {
      const queue = yield* MessageQueueCache
      const clock = yield* Clock.Clock
      const waiting = new Map<ConversationId, Waiting>()
      const filled = Latch.makeUnsafe(false)

      const committed = ({ id, members }: State, seq: number): void => {
        if (waiting.has(id) || waiting.size >= capacity) return
        const pause = Math.max(Duration.toMillis(PACE), (members.size * 1_000) / entriesPerSecond)
        waiting.set(id, { members, fromSeq: seq, dueAt: clock.currentTimeMillisUnsafe() + pause })
        filled.openUnsafe()
      }

      /** The references of those whose turn has come. */
      const takeDue = (now: number): ReadonlyArray<News> => {
        const news: Array<News> = []
        for (const [conversationId, { dueAt, fromSeq, members }] of waiting) {
          if (dueAt > now) continue
          waiting.delete(conversationId)
          for (const userId of members.keys()) news.push({ userId, conversationId, fromSeq })
        }
        if (waiting.size === 0) filled.closeUnsafe()
        return news
      }

      const handOver = (news: ReadonlyArray<News>) =>
        Effect.forEach(
          Array.from({ length: Math.ceil(news.length / BATCH) }, (_, i) =>
            news.slice(i * BATCH, (i + 1) * BATCH)
          ),
          (batch) =>
            Effect.matchEffect(queue.append(batch), {
              onFailure: () => Metric.update(lost, batch.length),
              onSuccess: () => Metric.update(queued, batch.length)
            }),
          { discard: true }
        )

      const turn = (now: number) => Effect.suspend(() => handOver(takeDue(now)))

      return OfflineDispatch.of({
        committed,
        depth: () => waiting.size,
        run: filled.await.pipe(
          Effect.andThen(Effect.sleep(PACE)),
          Effect.andThen(Clock.currentTimeMillis),
          Effect.flatMap(turn),
          Effect.forever,
          Effect.onInterrupt(() => turn(Infinity))
        )
      })
    })
  )
