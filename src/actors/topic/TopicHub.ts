/**
 * This node's subscribers by topic. A publication is wrapped into one frame, once, and that frame is handed to
 * every subscriber's outbox in a plain loop: no fiber, no JSON and no Effect per recipient. The hub declares to
 * the Broker the topics this node has subscribers for, keeps a topic's durable events in order, and knows nothing
 * of what subscribers are.
 *
 * Gotcha: a subscriber may unsubscribe itself (or others) while a publication is delivered; iterating a Set
 * tolerates that.
 */
import { Context, Duration, Effect, FiberSet, Layer } from "effect"
import * as LiveMetrics from "../../domain/LiveMetrics.ts"
import { Broker, type Publication } from "../../domain/ports/Broker.ts"
import { SharedFrame } from "./SharedFrame.ts"
import { TopicOrder } from "./TopicOrder.ts"

export interface Subscriber {
  readonly deliver: (publication: Publication, frame: SharedFrame) => void
  /** Durable events up to this number exist. Those that did not come will not come: storage has them. */
  readonly missed?: (upTo: number) => void
  /** Events of this topic without a number, such as changes of members, may have been missed. */
  readonly inDoubt?: (topic: string) => void
}

/** What the nodes tell each other about a topic, past its subscribers. */
export interface NodeNews {
  /** The event of its publications; they have no number. */
  readonly event: string
  readonly deliver: (publication: Publication) => void
  /** News of this topic may have been missed. */
  readonly inDoubt: (topic: string) => void
}

export interface TopicHubOptions {
  /** How long an event is held for one that belongs before it and has not come. */
  readonly patience: Duration.Duration
}

const defaults: TopicHubOptions = { patience: Duration.millis(300) }

export class TopicHub extends Context.Service<
  TopicHub,
  {
    readonly subscribe: (topic: string, subscriber: Subscriber) => void
    readonly unsubscribe: (topic: string, subscriber: Subscriber) => void
    /** To this node's subscribers only; what other nodes must see goes through the Broker. */
    readonly publishLocal: (publication: Publication) => void
    /** A subscriber has everything up to this number from storage: the next event it expects is the one after. */
    readonly startsAt: (topic: string, seq: number) => void
    /** The number of the last event that this topic's subscribers were handed; 0 when that is not known. */
    readonly lastOf: (topic: string) => number
    /** Events of this topic may have been missed. */
    readonly inDoubt: (topic: string) => void
    /** Storage has the topic's events up to this number. */
    readonly reached: (topic: string, seq: number) => void
    /** Sets the one receiver of what nodes tell each other. */
    readonly onNews: (news: NodeNews) => void
    readonly topics: () => number
    /** The topics that have subscribers. */
    readonly names: () => ReadonlyArray<string>
  }
>()("messaging-service/actors/topic/TopicHub") {}

class Subscribed {
  readonly subscribers = new Set<Subscriber>()
  readonly order = new TopicOrder()
  isWaiting = false

  readonly deliver = (publication: Publication): void => {
    const frame = new SharedFrame(publication.topic, publication.event, publication.payload)
    for (const subscriber of this.subscribers) subscriber.deliver(publication, frame)
  }

  giveUp(): void {
    const upTo = this.order.giveUp(this.deliver)
    for (const subscriber of this.subscribers) subscriber.missed?.(upTo)
  }
}

export const layerWith = (options: Partial<TopicHubOptions> = {}) =>
  Layer.effect(
    TopicHub,
    Effect.gen(function* () {
      const { patience } = { ...defaults, ...options }
      const broker = yield* Broker
      const run = yield* FiberSet.makeRuntime<never>()
      const topics = new Map<string, Subscribed>()
      let news: NodeNews | undefined
      yield* LiveMetrics.gauge({
        id: "topics_subscribed",
        description: "Topics with subscribers on this node",
        value: () => topics.size
      })

      /** Waits for missing events as long as others come, and `patience` longer. */
      const wait = (topic: Subscribed): void => {
        if (topic.isWaiting || !topic.order.isBehind) return
        topic.isWaiting = true
        const { last } = topic.order
        run(
          Effect.delay(
            Effect.sync(() => {
              topic.isWaiting = false
              if (topic.order.last === last) topic.giveUp()
              else wait(topic)
            }),
            patience
          )
        )
      }

      const publishLocal = (publication: Publication): void => {
        const topic = topics.get(publication.topic)
        if (topic === undefined) return
        if (publication.seq === null) {
          return publication.event === news?.event ? news.deliver(publication) : topic.deliver(publication)
        }
        topic.order.accept(publication, publication.seq, topic.deliver)
        wait(topic)
      }
      broker.onPublication(publishLocal)

      return TopicHub.of({
        publishLocal,
        startsAt: (name, seq) => {
          const topic = topics.get(name)
          if (topic === undefined) return
          topic.order.startsAt(seq)
          wait(topic)
        },
        lastOf: (name) => topics.get(name)?.order.last ?? 0,
        onNews: (receiver) => {
          news = receiver
        },
        inDoubt: (name) => {
          const subscribers = topics.get(name)?.subscribers ?? []
          for (const subscriber of subscribers) subscriber.inDoubt?.(name)
          news?.inDoubt(name)
        },
        reached: (name, seq) => {
          const topic = topics.get(name)
          if (topic === undefined) return
          topic.order.reached(seq)
          wait(topic)
        },
        subscribe: (name, subscriber) => {
          let topic = topics.get(name)
          if (topic === undefined) {
            topics.set(name, (topic = new Subscribed()))
            broker.subscribe(name)
          }
          topic.subscribers.add(subscriber)
        },
        unsubscribe: (name, subscriber) => {
          const topic = topics.get(name)
          if (topic?.subscribers.delete(subscriber) && topic.subscribers.size === 0) {
            topics.delete(name)
            broker.unsubscribe(name)
          }
        },
        topics: () => topics.size,
        names: () => Array.from(topics.keys())
      })
    })
  )

export const layer = layerWith()
