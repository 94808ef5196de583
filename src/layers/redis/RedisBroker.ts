/**
 * The Broker of several nodes, over publish/subscribe in Redis. This node's own subscribers get a publication directly;
 * Redis carries it to the others, and its echo is ignored.
 *
 * What goes missing is not kept for later, here or anywhere: after each new connection, every node is told to compare
 * its topics with storage, for this node could publish nothing to them meanwhile, and hear nothing.
 */
import { Effect, FiberSet, Layer } from "effect"
import { Broker, type Publication } from "../../domain/ports/Broker.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import * as Envelope from "./Envelope.ts"
import { Redis } from "./Redis.ts"

const PREFIX = "messaging:topic:"
const channelOf = (topic: string) => PREFIX + topic
const topicOf = (channel: string) => channel.slice(PREFIX.length)

export const layer = Layer.effect(
  Broker,
  Effect.gen(function* () {
    const { pubsub } = yield* Redis
    const run = yield* FiberSet.makeRuntime<never>()
    const node = newId()
    const topics = new Set<string>()
    let receive: (publication: Publication) => void = () => {}
    let suspect: (topics: ReadonlyArray<string>) => void = () => {}

    pubsub.listen({
      node,
      message: (channel, text) => {
        const topic = topicOf(channel)
        const received = Envelope.decode(topic, text)
        if (received !== undefined && received.node !== node && topics.has(topic)) {
          receive(received.publication)
        }
      },
      suspect: (channels) => suspect(channels.map(topicOf)),
      refused: (what, error) => void run(Effect.logError(`Redis refuses ${what}`, error.message))
    })

    return Broker.of({
      publish: (publication) => {
        const { topic } = publication
        if (topics.has(topic)) receive(publication)
        pubsub.publish(channelOf(topic), Envelope.encode(node, publication))
      },
      subscribe: (topic) => {
        if (topics.has(topic)) return
        topics.add(topic)
        pubsub.subscribe(channelOf(topic))
      },
      unsubscribe: (topic) => {
        if (topics.delete(topic)) pubsub.unsubscribe(channelOf(topic))
      },
      heard: (asked) =>
        Effect.map(
          pubsub.heard(asked.map(channelOf)),
          (channels): ReadonlySet<string> => new Set(channels.map(topicOf))
        ),
      onPublication: (handler) => {
        receive = handler
      },
      onGap: (handler) => {
        suspect = handler
      }
    })
  })
)
