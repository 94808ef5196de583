/**
 * This node's subscribers by topic. A publication is wrapped into one frame, once, and that frame is handed to
 * every subscriber's outbox in a plain loop: no fiber, no JSON and no Effect per recipient. The hub declares to
 * the Broker the topics this node has subscribers for, and knows nothing of what subscribers are.
 *
 * Gotcha: a subscriber may unsubscribe itself (or others) while a publication is delivered; iterating a Set
 * tolerates that.
 */
import { Context, Effect, Layer } from "effect"
import { Broker, type Publication } from "../domain/ports/Broker.ts"
import { SharedFrame } from "./SharedFrame.ts"

export interface Subscriber {
  readonly deliver: (publication: Publication, frame: SharedFrame) => void
}

export class TopicHub extends Context.Service<
  TopicHub,
  {
    readonly subscribe: (topic: string, subscriber: Subscriber) => void
    readonly unsubscribe: (topic: string, subscriber: Subscriber) => void
    /** To this node's subscribers only; what other nodes must see goes through the Broker. */
    readonly publishLocal: (publication: Publication) => void
    readonly topics: () => number
  }
>()("messaging-service/actors/TopicHub") {}

export const layer = Layer.effect(
  TopicHub,
  Effect.gen(function* () {
    const broker = yield* Broker
    const topics = new Map<string, Set<Subscriber>>()

    const publishLocal = (publication: Publication): void => {
      const subscribers = topics.get(publication.topic)
      if (subscribers === undefined) return
      const frame = new SharedFrame(publication.topic, publication.event, publication.payload)
      for (const subscriber of subscribers) subscriber.deliver(publication, frame)
    }
    broker.onPublication(publishLocal)

    return TopicHub.of({
      publishLocal,
      subscribe: (topic, subscriber) => {
        let subscribers = topics.get(topic)
        if (subscribers === undefined) {
          topics.set(topic, (subscribers = new Set()))
          broker.subscribe(topic)
        }
        subscribers.add(subscriber)
      },
      unsubscribe: (topic, subscriber) => {
        const subscribers = topics.get(topic)
        if (subscribers?.delete(subscriber) && subscribers.size === 0) {
          topics.delete(topic)
          broker.unsubscribe(topic)
        }
      },
      topics: () => topics.size
    })
  })
)
