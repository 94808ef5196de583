/**
 * What every `Broker` promises, on one node or several. `nodes` makes that many brokers which share what is behind
 * them; the memory broker is alone, so what concerns other nodes is skipped for it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { SessionId } from "../../src/domain/Ids.ts"
import type { Broker, Publication } from "../../src/domain/ports/Broker.ts"
import * as Poll from "../support/Poll.ts"

export class Node {
  readonly broker: Broker["Service"]
  readonly got: Array<Publication> = []
  /** Topics in doubt, each time. */
  readonly doubts: Array<string> = []

  constructor(broker: Broker["Service"]) {
    this.broker = broker
    broker.onPublication((publication) => this.got.push(publication))
    broker.onGap((topics) => this.doubts.push(...topics))
  }

  get payloads(): ReadonlyArray<string> {
    return this.got.map(({ payload }) => payload)
  }
}

export const publication = (topic: string, changes: Partial<Publication> = {}): Publication => ({
  topic,
  event: "new_message",
  payload: "{}",
  seq: null,
  except: null,
  ...changes
})

/** Subscribes, and waits until other nodes' publications arrive. */
export const subscribe = (node: Node, topic: string) =>
  Effect.suspend(() => {
    const before = node.doubts.length
    node.broker.subscribe(topic)
    return Poll.until(() => node.doubts.slice(before).includes(topic), {
      what: `the subscription of ${topic}`
    })
  })

export const brokerContract = <E>(
  name: string,
  nodes: (count: number) => Effect.Effect<ReadonlyArray<Node>, E, Scope.Scope>,
  isShared: boolean
) => {
  const one = Effect.map(nodes(1), (all) => all[0]!)
  const two = Effect.map(nodes(2), (all): readonly [Node, Node] => [all[0]!, all[1]!])

  describe(`Broker on ${name}`, () => {
    it.live("hands this node its own publications within the call, once and in order", () =>
      Effect.gen(function* () {
        const node = yield* one
        node.broker.subscribe("a")
        const payloads = Array.from({ length: 100 }, (_, i) => String(i))
        for (const payload of payloads) node.broker.publish(publication("a", { payload }))
        assert.deepStrictEqual(node.payloads, payloads)
      })
    )

    it.live("hands over only what is subscribed to, until it no longer is", () =>
      Effect.gen(function* () {
        const node = yield* one
        node.broker.publish(publication("a"))
        node.broker.subscribe("a")
        node.broker.subscribe("a")
        node.broker.publish(publication("a"))
        node.broker.publish(publication("b"))
        node.broker.unsubscribe("a")
        node.broker.unsubscribe("a")
        node.broker.publish(publication("a"))
        assert.deepStrictEqual(
          node.got.map(({ topic }) => topic),
          ["a"]
        )
      })
    )

    it.live("knows in which topics any node has an interest", () =>
      Effect.gen(function* () {
        const [here, there] = isShared ? yield* two : [yield* one, undefined]
        const other = there ?? here
        const asked = Array.from({ length: 1_200 }, (_, i) => `topic ${i}`)
        const heard = Effect.map(here.broker.heard(asked), (topics) => Array.from(topics).sort())
        other.broker.subscribe("topic 1000")
        here.broker.subscribe("topic 7")
        yield* Poll.until(Effect.map(heard, (topics) => topics.length === 2))
        assert.deepStrictEqual(yield* heard, ["topic 1000", "topic 7"])
        other.broker.unsubscribe("topic 1000")
        yield* Poll.until(Effect.map(heard, (topics) => topics.length === 1))
        assert.deepStrictEqual(yield* heard, ["topic 7"])
      })
    )

    it.live("hands over a publication as it is", () =>
      Effect.gen(function* () {
        const node = yield* one
        node.broker.subscribe("a")
        const sent = publication("a", { payload: '{"é": "\\u0000 €"}', seq: 7, except: "s" as SessionId })
        node.broker.publish(sent)
        assert.deepStrictEqual(node.got, [sent])
      })
    )

    if (!isShared) return

    it.live("carries a publication to the other node as it is, and its echo nowhere", () =>
      Effect.gen(function* () {
        const [here, there] = yield* two
        yield* subscribe(here, "a")
        yield* subscribe(there, "a")
        const sent = [
          publication("a", {
            payload: '{"text": "é \\u0000 € \u{1f600}\\n", "n": [1, 2]}',
            seq: 9007199254740991
          }),
          publication("a", { event: "typing_indicator", except: "session" as SessionId, payload: "" }),
          publication("a", { payload: `"${"x".repeat(1_000_000)}"`, seq: 1 })
        ]
        for (const each of sent) here.broker.publish(each)
        yield* Poll.until(() => there.got.length === sent.length)
        assert.deepStrictEqual(there.got, sent)
        assert.deepStrictEqual(here.got, sent)
      })
    )

    it.live("keeps the order of one publisher", () =>
      Effect.gen(function* () {
        const [here, there] = yield* two
        yield* subscribe(there, "a")
        const payloads = Array.from({ length: 2_000 }, (_, i) => String(i))
        for (const payload of payloads) here.broker.publish(publication("a", { payload }))
        yield* Poll.until(() => there.got.length === payloads.length)
        assert.deepStrictEqual(there.payloads, payloads)
      })
    )

    it.live("carries nothing to a node that is not, or no longer, interested", () =>
      Effect.gen(function* () {
        const [here, there] = yield* two
        yield* subscribe(there, "a")
        yield* subscribe(there, "b")
        there.broker.unsubscribe("a")
        // It comes back to what it wants last, however often it changes its mind.
        there.broker.unsubscribe("b")
        yield* subscribe(there, "b")
        here.broker.publish(publication("a"))
        here.broker.publish(publication("c"))
        here.broker.publish(publication("b"))
        yield* Poll.until(() => there.got.length > 0)
        assert.deepStrictEqual(
          there.got.map(({ topic }) => topic),
          ["b"]
        )
      })
    )

    it.live("puts a new topic in doubt, from when on nothing is missed", () =>
      Effect.gen(function* () {
        const [here, there] = yield* two
        yield* Effect.forEach(Array.from({ length: 50 }), (_, i) =>
          Effect.gen(function* () {
            yield* subscribe(there, `topic ${i}`)
            here.broker.publish(publication(`topic ${i}`))
          })
        )
        yield* Poll.until(() => there.got.length === 50)
        assert.strictEqual(there.doubts.length, 50)
      })
    )
  })
}
