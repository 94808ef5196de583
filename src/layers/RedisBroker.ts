/**
 * The Broker of several nodes, over one Redis connection that both publishes and subscribes. This node's own
 * subscribers get a publication directly; Redis carries it to the others, and its echo is ignored.
 *
 * What goes missing is not kept for later, here or anywhere: after each new connection, every node is told to compare
 * its topics with storage, for this node could publish nothing to them meanwhile, and hear nothing.
 */
import { Effect, FiberSet, Layer } from "effect"
import { uuidV7Unsafe } from "effect/crypto/SecureRandom"
import type { Redis as Client } from "ioredis"
import { Broker, type Publication } from "../domain/ports/Broker.ts"
import { Redis } from "./Redis.ts"
import * as Envelope from "./redis/Envelope.ts"

const PREFIX = "messaging:topic:"

/** Whoever hears this compares all its topics with storage. The message is the node that asks for it. */
const GAP_CHANNEL = "messaging:gap"

/** Channels of one SUBSCRIBE or UNSUBSCRIBE. */
const BATCH = 500

const batches = (topics: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(topics.length / BATCH) }, (_, i) => topics.slice(i * BATCH, (i + 1) * BATCH))

const channelsOf = (topics: ReadonlyArray<string>) => topics.map((topic) => PREFIX + topic)

export const layer = Layer.effect(
  Broker,
  Effect.gen(function* () {
    const { pubsub } = yield* Redis
    const run = yield* FiberSet.makeRuntime<never>()
    const node = uuidV7Unsafe()
    const topics = new Set<string>()
    /** Topics whose subscription in Redis is not yet as `topics` says. */
    let changed = new Set<string>()
    let client: Client | undefined
    let receive: (publication: Publication) => void = () => {}
    let suspect: (topics: ReadonlyArray<string>) => void = () => {}

    /** What the connection's end refuses is made good with the next one; what Redis itself refuses is not. */
    const refused = (of: Client, what: string) => (error: Error) => {
      if (of.status === "ready") run(Effect.logError(`Redis refuses ${what}`, error.message))
    }

    const onMessage = (channel: string, text: string): void => {
      if (channel === GAP_CHANNEL) {
        if (text !== node) suspect(Array.from(topics))
        return
      }
      const topic = channel.slice(PREFIX.length)
      const received = Envelope.decode(topic, text)
      if (received !== undefined && received.node !== node && topics.has(topic)) receive(received.publication)
    }

    const subscribeTo = (to: Client, added: ReadonlyArray<string>) =>
      Promise.all(
        batches(added).map((batch) => to.subscribe(...channelsOf(batch)).then(() => suspect(batch)))
      )

    pubsub.onConnect((connected) => {
      client = connected
      changed.clear()
      connected.on("message", onMessage)
      connected.once("end", () => {
        if (client === connected) client = undefined
      })
      connected
        .subscribe(GAP_CHANNEL)
        .then(() => connected.publish(GAP_CHANNEL, node))
        .catch(refused(connected, "the gap channel"))
      subscribeTo(connected, Array.from(topics)).catch(refused(connected, "subscriptions"))
    })

    /** Many topics come and go in one turn of the event loop. */
    const settle = (): void => {
      const due = Array.from(changed)
      changed = new Set()
      if (client === undefined) return
      const removed = due.filter((topic) => !topics.has(topic))
      for (const batch of batches(removed)) {
        client.unsubscribe(...channelsOf(batch)).catch(refused(client, "unsubscribing"))
      }
      const added = due.filter((topic) => topics.has(topic))
      subscribeTo(client, added).catch(refused(client, "subscriptions"))
    }
    const change = (topic: string): void => {
      if (changed.size === 0) queueMicrotask(settle)
      changed.add(topic)
    }

    return Broker.of({
      publish: (publication) => {
        const { topic } = publication
        if (topics.has(topic)) receive(publication)
        const text = Envelope.encode(node, publication)
        const sent = pubsub.sendUnsafe(() => {}, "PUBLISH", PREFIX + topic, text)
        // A connection so far behind is as good as lost, and a new one makes good what was missed.
        if (!sent && pubsub.isConnected) pubsub.drop()
      },
      subscribe: (topic) => {
        if (topics.has(topic)) return
        topics.add(topic)
        change(topic)
      },
      unsubscribe: (topic) => {
        if (topics.delete(topic)) change(topic)
      },
      heard: Effect.fnUntraced(function* (asked) {
        const heard = new Set<string>()
        for (const batch of batches(asked)) {
          const counts = yield* pubsub.send("PUBSUB", "NUMSUB", ...channelsOf(batch))
          // Channels and their numbers of subscribers, by turns.
          const answer = counts as ReadonlyArray<string | number>
          batch.forEach((topic, i) => {
            if (Number(answer[2 * i + 1]) > 0) heard.add(topic)
          })
        }
        return heard
      }),
      onPublication: (handler) => {
        receive = handler
      },
      onGap: (handler) => {
        suspect = handler
      }
    })
  })
)
