/**
 * Nodes' brokers over one Redis, without the rest of the service. A node is there when the whole Redis has heard what it
 * says with each new connection: whoever hears that puts their topics in doubt, and no test wants it in its middle.
 */
import { Context, Duration, Effect, Layer, Logger, Redacted, Scope } from "effect"
import { Redis as Client } from "ioredis"
import { Broker } from "../../src/domain/ports/Broker.ts"
import * as ClusterMap from "../../src/layers/redis/ClusterMap.ts"
import * as Redis from "../../src/layers/redis/Redis.ts"
import * as RedisBroker from "../../src/layers/redis/RedisBroker.ts"
import * as RedisUrl from "../../src/layers/redis/RedisUrl.ts"
import { Node } from "../contract/Broker.ts"
import * as Poll from "./Poll.ts"

const client = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new Client(url, { retryStrategy: () => null }).on("error", () => {})),
    (client) => Effect.sync(() => client.disconnect())
  )

/** The URL of each server that nodes connect to: one, or the masters of a cluster. */
const serversOf = Effect.fnUntraced(function* (url: string) {
  const parsed = RedisUrl.parse(url)
  if (parsed?.kind !== "cluster") return [url]
  const seed = parsed.seeds[0]!
  const asked = yield* client(`redis://${seed}`)
  const slots = yield* Effect.promise(() => asked.cluster("SLOTS"))
  return ClusterMap.parse(slots, seed)!.masters.map((address) => `redis://${address}`)
}, Effect.scoped)

/** Whether a node has been heard of on every server, once for each of its connections: one to every server. */
const hearing = Effect.fnUntraced(function* (url: string) {
  const servers = yield* serversOf(url)
  const heard = servers.map(() => 0)
  for (const [i, server] of servers.entries()) {
    const watcher = yield* client(server)
    watcher.on("message", () => heard[i]!++)
    yield* Effect.promise(() => watcher.subscribe("messaging:gap"))
  }
  return () => heard.every((times) => times >= servers.length)
})

/** A node of its own: another building of the same layers. Redis may forbid it to say anything. */
export const unheard = Effect.fnUntraced(function* (url: string) {
  const redis = Redis.layer({
    url: Redacted.make(url),
    connections: 1,
    connectTimeout: Duration.seconds(1),
    // No Redis here falls silent but one that takes nothing more: whatever takes its time is the machine.
    commandTimeout: Duration.seconds(20)
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

/** The same, where everybody has heard of it. */
export const node = Effect.fnUntraced(function* (url: string) {
  const scope = yield* Effect.scope
  return yield* Effect.gen(function* () {
    const isHeard = yield* hearing(url)
    const started = yield* Effect.provideService(unheard(url), Scope.Scope, scope)
    yield* Poll.until(isHeard, { what: "a node that all have heard of" })
    return started
  }).pipe(Effect.scoped)
})

/** So many nodes with the same Redis. */
export const nodes = (url: string, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.map(node(url), ({ node }) => node))
