/** What was lost between nodes is found by its number: the hub, and the repair that tells it what storage has. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as TopicHub from "../../../src/actors/topic/TopicHub.ts"
import * as TopicRepair from "../../../src/actors/topic/TopicRepair.ts"
import { NotFound, Unavailable } from "../../../src/domain/Errors.ts"
import { Broker, type Publication } from "../../../src/domain/ports/Broker.ts"
import { ConversationStore } from "../../../src/domain/ports/ConversationStore.ts"
import { conversationId } from "../../contract/Fixtures.ts"

class Recorder {
  readonly got: Array<number | null> = []
  readonly missed: (upTo: number) => void
  readonly misses: Array<number> = []
  doubts = 0
  constructor() {
    this.missed = (upTo) => void this.misses.push(upTo)
  }
  deliver({ seq }: Publication): void {
    this.got.push(seq)
  }
  inDoubt(): void {
    this.doubts++
  }
}

const setup = Effect.fnUntraced(function* (
  lastSeq: ConversationStore["Service"]["lastSeq"] = () => Effect.succeed(0)
) {
  const wire = { arrive: (_: Publication) => {}, suspect: (_: ReadonlyArray<string>) => {} }
  const broker = Layer.succeed(Broker, {
    publish: () => {},
    subscribe: () => {},
    heard: () => Effect.succeed(new Set<string>()),
    unsubscribe: () => {},
    onPublication: (receive) => {
      wire.arrive = receive
    },
    onGap: (suspect) => {
      wire.suspect = suspect
    }
  })
  const layer = TopicRepair.layer.pipe(
    Layer.provideMerge(TopicHub.layerWith({})),
    Layer.provide([broker, Layer.mock(ConversationStore, { lastSeq, advance: () => {} })])
  )
  const context = yield* Layer.build(layer)
  yield* Effect.forkScoped(Context.get(context, TopicRepair.TopicRepair).run)
  yield* Effect.yieldNow
  const hub = Context.get(context, TopicHub.TopicHub)
  const topic = `conversation:${conversationId()}`
  const subscriber = new Recorder()
  hub.subscribe(topic, subscriber)
  const arrive = (...seqs: ReadonlyArray<number | null>) => {
    for (const seq of seqs) wire.arrive({ topic, event: "e", payload: "{}", seq, except: null })
  }
  return {
    hub,
    topic,
    subscriber,
    arrive,
    suspect: (...others: ReadonlyArray<string>) => wire.suspect([...others, topic])
  }
})

const patience = TestClock.adjust("300 millis")

describe("Events that overtake each other", () => {
  it.effect("reach subscribers in order; what has no number waits for nothing", () =>
    Effect.gen(function* () {
      const { arrive, subscriber } = yield* setup()
      arrive(1, 3, null, 2)
      assert.deepStrictEqual(subscriber.got, [1, null, 2, 3])
      yield* patience
      assert.deepStrictEqual(subscriber.misses, [])
    })
  )

  it.effect("are delivered without the missing one when it does not come in time", () =>
    Effect.gen(function* () {
      const { arrive, subscriber } = yield* setup()
      arrive(1, 3, 4)
      assert.deepStrictEqual(subscriber.got, [1])
      yield* patience
      assert.deepStrictEqual(subscriber.got, [1, 3, 4])
    })
  )

  it.effect("have all their time while others still come", () =>
    Effect.gen(function* () {
      const { arrive, subscriber } = yield* setup()
      arrive(1, 3)
      yield* TestClock.adjust("200 millis")
      arrive(2, 5)
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(subscriber.got, [1, 2, 3])
      arrive(4)
      assert.deepStrictEqual(subscriber.got, [1, 2, 3, 4, 5])
    })
  )
})

describe("A topic in doubt", () => {
  it.effect("tells its subscribers, and how far storage has come when that is further than they are", () =>
    Effect.gen(function* () {
      const { arrive, subscriber, suspect } = yield* setup(() => Effect.succeed(4))
      arrive(1, 2)
      suspect()
      yield* patience
      assert.deepStrictEqual(subscriber.misses, [4])
      assert.strictEqual(subscriber.doubts, 1)
    })
  )

  it.effect("tells its subscribers at once, however many others storage does not answer for", () =>
    Effect.gen(function* () {
      const { subscriber, suspect } = yield* setup(() => Effect.never)
      suspect(...Array.from({ length: 1_000 }, () => `conversation:${conversationId()}`))
      yield* patience
      assert.strictEqual(subscriber.doubts, 1)
    })
  )

  it.effect("is left alone when storage has nothing more, or when it comes after all", () =>
    Effect.gen(function* () {
      const { arrive, hub, subscriber, suspect, topic } = yield* setup(() => Effect.succeed(4))
      hub.startsAt(topic, 2)
      suspect()
      yield* Effect.yieldNow
      arrive(3, 4)
      yield* patience
      suspect()
      yield* patience
      assert.deepStrictEqual(subscriber.misses, [])
      assert.deepStrictEqual(subscriber.got, [3, 4])
    })
  )

  it.effect("waits for a subscriber's snapshot, and is compared with that", () =>
    Effect.gen(function* () {
      const { hub, subscriber, suspect, topic } = yield* setup(() => Effect.succeed(4))
      suspect()
      yield* patience
      assert.deepStrictEqual(subscriber.misses, [])
      hub.startsAt(topic, 3)
      yield* patience
      assert.deepStrictEqual(subscriber.misses, [4])
    })
  )

  it.effect("need not be told of: every 30 seconds each is compared, for a killed node tells nobody", () =>
    Effect.gen(function* () {
      const { hub, subscriber, topic } = yield* setup(() => Effect.succeed(4))
      hub.startsAt(topic, 3)
      yield* TestClock.adjust("31 seconds")
      assert.deepStrictEqual(subscriber.misses, [4])
      yield* TestClock.adjust("90 seconds")
      assert.deepStrictEqual(subscriber.misses, [4])
      assert.strictEqual(subscriber.doubts, 0)
    })
  )

  it.effect("is asked about until storage answers; one that is gone is forgotten", () =>
    Effect.gen(function* () {
      const answers: Array<Effect.Effect<number, NotFound | Unavailable>> = [
        Effect.fail(new Unavailable({ what: "database" })),
        Effect.fail(new Unavailable({ what: "database" })),
        Effect.succeed(4),
        Effect.fail(new NotFound({ what: "conversation" }))
      ]
      const { hub, subscriber, suspect, topic } = yield* setup(() => Effect.suspend(() => answers.shift()!))
      hub.startsAt(topic, 3)
      suspect()
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(subscriber.misses, [4])
      suspect()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(answers.length, 0)
      assert.deepStrictEqual(subscriber.misses, [4])
    })
  )
})
