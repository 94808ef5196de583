/** Nodes' brokers over one Redis, without the rest of the service. */
import { Context, Duration, Effect, Layer, Logger, Redacted } from "effect"
import { Broker } from "../../src/domain/ports/Broker.ts"
import * as Redis from "../../src/layers/redis/Redis.ts"
import * as RedisBroker from "../../src/layers/redis/RedisBroker.ts"
import { Node } from "../contract/Broker.ts"
import * as Poll from "./Poll.ts"

/** A node of its own: another building of the same layers. */
export const node = Effect.fnUntraced(function* (url: string) {
  const redis = Redis.layer({
    url: Redacted.make(url),
    connections: 1,
    connectTimeout: Duration.seconds(1),
    commandTimeout: Duration.millis(500)
  })
  const pubsub = Layer.effectDiscard(
    Effect.flatMap(Redis.Redis, ({ pubsub }) => Effect.forkScoped(pubsub.run))
  )
  const layer = Layer.provideMerge(pubsub, RedisBroker.layer).pipe(
    Layer.provideMerge(redis),
    Layer.provide(Logger.layer([]))
  )
  const context = yield* Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), yield* Effect.scope)
  const { pubsub: connection } = Context.get(context, Redis.Redis)
  yield* Poll.until(() => connection.isConnected)
  return { node: new Node(Context.get(context, Broker)), connection }
})

/** So many nodes with the same Redis. */
export const nodes = (url: string, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.map(node(url), ({ node }) => node))
