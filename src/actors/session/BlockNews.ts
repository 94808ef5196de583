/** What other nodes tell of blocks reaches this node's `Blocks`. */
import { Effect, Layer } from "effect"
import { BLOCKS_TOPIC, type Block, Blocks } from "../../domain/ports/Blocks.ts"
import { type Subscriber, TopicHub } from "../topic/TopicHub.ts"

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const hub = yield* TopicHub
    const blocks = yield* Blocks
    const subscriber: Subscriber = {
      // Written by a node's `Blocks`, and by nobody else.
      deliver: ({ payload }) => blocks.heard(JSON.parse(payload) as Block),
      inDoubt: () => blocks.inDoubt()
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => hub.subscribe(BLOCKS_TOPIC, subscriber)),
      () => Effect.sync(() => hub.unsubscribe(BLOCKS_TOPIC, subscriber))
    )
  })
)
