/** What every port promises, on a Redis Cluster: its keys and channels are spread over three masters. */
import { afterAll, beforeAll } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Logger, Scope } from "effect"
import { PresenceCache } from "../../../src/domain/ports/PresenceCache.ts"
import * as RedisConnectTickets from "../../../src/layers/redis/RedisConnectTickets.ts"
import * as RedisMessageQueueCache from "../../../src/layers/redis/RedisMessageQueueCache.ts"
import * as RedisPresenceCache from "../../../src/layers/redis/RedisPresenceCache.ts"
import * as RedisRateLimiter from "../../../src/layers/redis/RedisRateLimiter.ts"
import * as RedisSessionCache from "../../../src/layers/redis/RedisSessionCache.ts"
import * as RedisTokenRevocations from "../../../src/layers/redis/RedisTokenRevocations.ts"
import { brokerContract } from "../../contract/Broker.ts"
import * as ConnectTickets from "../../contract/ConnectTickets.ts"
import * as MessageQueueCache from "../../contract/MessageQueueCache.ts"
import { presenceCacheContract } from "../../contract/PresenceCache.ts"
import * as RateLimiter from "../../contract/RateLimiter.ts"
import * as SessionCache from "../../contract/SessionCache.ts"
import * as TokenRevocations from "../../contract/TokenRevocations.ts"
import * as Brokers from "../../support/Brokers.ts"
import * as RedisCluster from "../../support/RedisCluster.ts"
import * as RedisPools from "../../support/RedisPools.ts"

const scope = Effect.runSync(Scope.make())
let cluster: RedisCluster.RedisCluster

beforeAll(async () => {
  cluster = await Effect.runPromise(Scope.provide(RedisCluster.make, scope))
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const pool = (name: RedisPools.PoolName) =>
  Layer.unwrap(Effect.sync(() => RedisPools.at(cluster.url, name, { connections: 1 }))).pipe(
    Layer.provide(Logger.layer([]))
  )

const name = "Redis Cluster"

ConnectTickets.contract(name, RedisConnectTickets.layer.pipe(Layer.provide(pool("main"))))
TokenRevocations.contract(
  name,
  RedisTokenRevocations.layer({
    lifetime: Duration.minutes(62),
    cacheTtl: Duration.minutes(1),
    whenDown: "closed"
  }).pipe(Layer.provide(pool("main")))
)
RateLimiter.contract(name, RedisRateLimiter.layer({ maxSubjects: 1000 }).pipe(Layer.provide(pool("main"))))
SessionCache.contract(name, (lease) =>
  RedisSessionCache.layer({ lease }).pipe(Layer.provide(pool("session")))
)
MessageQueueCache.contract(
  name,
  RedisMessageQueueCache.layer(MessageQueueCache.options).pipe(Layer.provide(pool("queue")))
)
presenceCacheContract(
  name,
  Effect.gen(function* () {
    yield* Effect.forEach(cluster.masters, ({ call }) => call("FLUSHALL"), { discard: true })
    const context = yield* Layer.build(
      Layer.fresh(RedisPresenceCache.layer.pipe(Layer.provide(pool("session"))))
    )
    return Context.get(context, PresenceCache)
  })
)
brokerContract(name, (count) => Effect.suspend(() => Brokers.nodes(cluster.url, count)), true)
