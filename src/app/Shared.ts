/** What nodes share: in memory where a node is alone, in Redis where it is not. */
import { Duration, Layer } from "effect"
import * as BlockNews from "../actors/session/BlockNews.ts"
import * as TopicHub from "../actors/topic/TopicHub.ts"
import * as TopicRepair from "../actors/topic/TopicRepair.ts"
import type { Blocks } from "../domain/ports/Blocks.ts"
import { Broker } from "../domain/ports/Broker.ts"
import type { ConnectTickets } from "../domain/ports/ConnectTickets.ts"
import type { ConversationStore } from "../domain/ports/ConversationStore.ts"
import type { MessageQueueCache } from "../domain/ports/MessageQueueCache.ts"
import type { NodeAddresses } from "../domain/ports/NodeAddresses.ts"
import type { PresenceCache } from "../domain/ports/PresenceCache.ts"
import type { RateLimiter } from "../domain/ports/RateLimiter.ts"
import type { SessionCache } from "../domain/ports/SessionCache.ts"
import type { TokenRevocations } from "../domain/ports/TokenRevocations.ts"
import * as MemoryBlocks from "../layers/memory/MemoryBlocks.ts"
import * as MemoryBroker from "../layers/memory/MemoryBroker.ts"
import * as MemoryConnectTickets from "../layers/memory/MemoryConnectTickets.ts"
import * as MemoryMessageQueueCache from "../layers/memory/MemoryMessageQueueCache.ts"
import * as MemoryNodeAddresses from "../layers/memory/MemoryNodeAddresses.ts"
import * as MemoryPresenceCache from "../layers/memory/MemoryPresenceCache.ts"
import * as MemoryRateLimiter from "../layers/memory/MemoryRateLimiter.ts"
import * as MemorySessionCache from "../layers/memory/MemorySessionCache.ts"
import * as MemoryTokenRevocations from "../layers/memory/MemoryTokenRevocations.ts"
import * as Redis from "../layers/redis/Redis.ts"
import * as RedisBlocks from "../layers/redis/RedisBlocks.ts"
import * as RedisBroker from "../layers/redis/RedisBroker.ts"
import * as RedisConnectTickets from "../layers/redis/RedisConnectTickets.ts"
import * as RedisMessageQueueCache from "../layers/redis/RedisMessageQueueCache.ts"
import * as RedisNodeAddresses from "../layers/redis/RedisNodeAddresses.ts"
import * as RedisPresenceCache from "../layers/redis/RedisPresenceCache.ts"
import * as RedisRateLimiter from "../layers/redis/RedisRateLimiter.ts"
import * as RedisSessionCache from "../layers/redis/RedisSessionCache.ts"
import * as RedisTokenRevocations from "../layers/redis/RedisTokenRevocations.ts"
import * as Replacements from "../Replacements.ts"
import { configured } from "./Configured.ts"

/** Alone, or joined with other nodes by Redis. Then the context also holds a Redis and a TopicRepair, for the tree. */
export const shared = configured(
  (
    config
  ): Layer.Layer<
    | TopicHub.TopicHub
    | Broker
    | ConnectTickets
    | SessionCache
    | TokenRevocations
    | MessageQueueCache
    | NodeAddresses
    | PresenceCache
    | RateLimiter
    | Blocks,
    Redis.RedisUnusable,
    ConversationStore
  > => {
    // Until no token that was issued before can be believed, whichever clock is wrong.
    const lifetime = Duration.sum(config.jwtMaxAge, Duration.times(config.jwtClockSkew, 2))
    const queue = {
      maxLength: config.maxQueue,
      maxDevices: config.maxDevices,
      lifetime: Duration.toMillis(config.queueLifetime)
    }
    const limited = { maxSubjects: config.maxLimited, lengths: config.blockLengths }
    if (config.redisUrl === undefined) {
      return TopicHub.layer.pipe(
        Layer.provideMerge(Replacements.orElse(Broker, MemoryBroker.layer)),
        Layer.merge(MemoryConnectTickets.layer),
        Layer.merge(MemoryTokenRevocations.layer({ lifetime })),
        Layer.merge(MemorySessionCache.layer({ lease: config.sessionLease })),
        Layer.merge(MemoryMessageQueueCache.layer(queue)),
        Layer.merge(MemoryNodeAddresses.layer),
        Layer.merge(MemoryPresenceCache.layer),
        Layer.merge(MemoryRateLimiter.layer(limited)),
        Layer.merge(MemoryBlocks.layer(limited))
      )
    }
    return Layer.merge(TopicRepair.layer, BlockNews.layer).pipe(
      Layer.provideMerge(TopicHub.layer),
      Layer.provideMerge(RedisBlocks.layer(limited)),
      Layer.provideMerge(Replacements.orElse(Broker, RedisBroker.layer)),
      Layer.merge(RedisRateLimiter.layer(limited)),
      Layer.merge(RedisConnectTickets.layer),
      Layer.merge(RedisNodeAddresses.layer),
      Layer.merge(RedisPresenceCache.layer),
      Layer.merge(RedisSessionCache.layer({ lease: config.sessionLease })),
      Layer.merge(
        RedisTokenRevocations.layer({
          lifetime,
          cacheTtl: config.revocationCacheTtl,
          whenDown: config.revocationsWhenDown
        })
      ),
      Layer.merge(RedisMessageQueueCache.layer(queue)),
      Layer.provideMerge(
        Redis.layer({
          url: config.redisUrl,
          sessionUrl: config.redisSessionUrl,
          queueUrl: config.redisQueueUrl,
          connections: config.redisConnections,
          connectTimeout: config.redisConnectTimeout,
          commandTimeout: config.redisTimeout
        })
      )
    )
  }
)
