/** The Broker of a single node: what is published arrives here, at once, in order. Nothing can be missed. */
import { Effect, Layer } from "effect"
import { Broker, type Publication } from "../../domain/ports/Broker.ts"

export const layer = Layer.sync(Broker, () => {
  const topics = new Set<string>()
  let receive: (publication: Publication) => void = () => {}
  return Broker.of({
    publish: (publication) => {
      if (topics.has(publication.topic)) receive(publication)
    },
    subscribe: (topic) => topics.add(topic),
    unsubscribe: (topic) => topics.delete(topic),
    heard: (asked) => Effect.sync(() => new Set(asked.filter((topic) => topics.has(topic)))),
    onPublication: (handler) => {
      receive = handler
    },
    onGap: () => {}
  })
})
