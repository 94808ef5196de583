import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { SharedFrame } from "../../../src/actors/topic/SharedFrame.ts"
import * as TopicHub from "../../../src/actors/topic/TopicHub.ts"
import { Broker, type Publication } from "../../../src/domain/ports/Broker.ts"

const publication = (topic: string, event = "e"): Publication => ({
  topic,
  event,
  payload: "{}",
  seq: null,
  except: null
})

class Recorder {
  readonly got: Array<string> = []
  readonly frames: Array<SharedFrame> = []
  react: () => void = () => {}
  deliver(publication: Publication, frame: SharedFrame): void {
    this.got.push(`${publication.topic} ${publication.event}`)
    this.frames.push(frame)
    this.react()
  }
}

/** What the hub tells the broker, and a way to be the broker's other end. */
class Wire {
  readonly interest: Array<string> = []
  arrive: (publication: Publication) => void = () => {}
}

const withHub = <A>(body: (hub: TopicHub.TopicHub["Service"], wire: Wire) => A) =>
  Effect.suspend(() => {
    const wire = new Wire()
    const broker = Layer.succeed(Broker, {
      publish: () => {},
      subscribe: (topic) => void wire.interest.push(`+${topic}`),
      heard: () => Effect.succeed(new Set<string>()),
      unsubscribe: (topic) => void wire.interest.push(`-${topic}`),
      onPublication: (receive) => {
        wire.arrive = receive
      },
      onGap: () => {}
    })
    return Effect.map(TopicHub.TopicHub, (hub) => body(hub, wire)).pipe(
      Effect.provide(TopicHub.layer.pipe(Layer.provide(broker)))
    )
  })

describe("TopicHub", () => {
  it.effect("hands a publication to all subscribers of its topic, in one shared frame", () =>
    withHub((hub, wire) => {
      const [a, b, c] = [new Recorder(), new Recorder(), new Recorder()]
      hub.subscribe("t", a)
      hub.subscribe("t", b)
      hub.subscribe("u", c)
      wire.arrive(publication("t"))
      hub.publishLocal(publication("u"))
      hub.publishLocal(publication("nobody"))
      assert.deepStrictEqual([a.got, b.got, c.got], [["t e"], ["t e"], ["u e"]])
      assert.strictEqual(a.frames[0], b.frames[0])
    })
  )

  it.effect("declares a topic to the broker while it has subscribers, once", () =>
    withHub((hub, wire) => {
      const [a, b] = [new Recorder(), new Recorder()]
      hub.subscribe("t", a)
      hub.subscribe("t", a)
      hub.subscribe("t", b)
      assert.strictEqual(hub.topics(), 1)
      hub.unsubscribe("t", a)
      hub.unsubscribe("t", a)
      assert.deepStrictEqual(wire.interest, ["+t"])
      hub.unsubscribe("t", b)
      hub.unsubscribe("t", b)
      hub.unsubscribe("u", b)
      assert.deepStrictEqual(wire.interest, ["+t", "-t"])
      assert.strictEqual(hub.topics(), 0)
    })
  )

  it.effect("lets subscribers leave, and others come, while a publication is delivered", () =>
    withHub((hub) => {
      const [a, b, late] = [new Recorder(), new Recorder(), new Recorder()]
      a.react = () => {
        hub.unsubscribe("t", a)
        hub.unsubscribe("t", b)
      }
      hub.subscribe("t", a)
      hub.subscribe("t", b)
      hub.publishLocal(publication("t", "first"))
      hub.subscribe("t", late)
      hub.publishLocal(publication("t", "second"))
      assert.deepStrictEqual([a.got, b.got, late.got], [["t first"], [], ["t second"]])
    })
  )
})
