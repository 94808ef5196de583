/**
 * Repairs what publish/subscribe between nodes has lost. Told by the Broker which topics are in doubt, it asks
 * storage how far each conversation has come, and tells the hub, whose subscribers know what they have: those behind
 * end, and their clients resume. Nothing happens where nothing was lost. What has no number, subscribers load again.
 *
 * Every 30 seconds it asks for all topics, in doubt or not, since nobody knows what a killed node had yet to publish.
 * Conversations are asked for together: that is one query for every 500 that have a client or an actor here.
 */
import { Context, Effect, Latch, Layer, Schedule } from "effect"
import { Broker } from "../../domain/ports/Broker.ts"
import { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import * as Topic from "../../domain/Topic.ts"
import { TopicHub } from "./TopicHub.ts"

export class TopicRepair extends Context.Service<
  TopicRepair,
  {
    /** The supervision tree runs it. Meanwhile topics in doubt wait; there are no more of them than topics. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/actors/topic/TopicRepair") {}

/** Questions to storage at a time; it answers those that come together, together. */
const CONCURRENCY = 500

/** How often all topics are compared: a node that was killed has told nobody what it had committed last. */
const SWEEP = "30 seconds"

/** Storage is away as well: it is asked until it answers. */
const retry = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.jittered
)

export const layer = Layer.effect(
  TopicRepair,
  Effect.gen(function* () {
    const broker = yield* Broker
    const hub = yield* TopicHub
    const store = yield* ConversationStore
    const inDoubt = new Set<string>()
    const filled = Latch.makeUnsafe(false)

    const doubt = (topics: ReadonlyArray<string>): void => {
      for (const topic of topics) inDoubt.add(topic)
      if (inDoubt.size > 0) filled.openUnsafe()
    }
    broker.onGap(doubt)

    const compare = (name: string): Effect.Effect<void> => {
      const topic = Topic.parse(name)
      if (topic?.kind !== "conversation") return Effect.void
      return store.lastSeq(topic.conversationId).pipe(
        Effect.retry({ schedule: retry, while: (error) => error._tag === "Unavailable" }),
        Effect.map((seq) => hub.reached(name, seq)),
        // It was deleted.
        Effect.ignore
      )
    }

    const next = Effect.suspend(() => {
      const topics = Array.from(inDoubt)
      inDoubt.clear()
      filled.closeUnsafe()
      // All are told first: a revocation that was missed does not wait for a database that is away.
      return Effect.forEach(topics, (name) => Effect.sync(() => hub.inDoubt(name)), { discard: true }).pipe(
        Effect.andThen(Effect.forEach(topics, compare, { concurrency: CONCURRENCY, discard: true })),
        Effect.onError(() => Effect.sync(() => doubt(topics)))
      )
    })

    const repairs = Effect.forever(Effect.andThen(filled.await, next))
    const sweeps = Effect.sleep(SWEEP).pipe(
      Effect.andThen(
        Effect.suspend(() =>
          Effect.forEach(hub.names(), compare, { concurrency: CONCURRENCY, discard: true })
        )
      ),
      Effect.forever
    )
    return TopicRepair.of({ run: Effect.raceFirst(repairs, sweeps) })
  })
)
