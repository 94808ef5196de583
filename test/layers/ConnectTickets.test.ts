import { Duration, Effect, Layer, Logger, Redacted } from "effect"
import * as MemoryConnectTickets from "../../src/layers/memory/MemoryConnectTickets.ts"
import * as Redis from "../../src/layers/Redis.ts"
import * as RedisConnectTickets from "../../src/layers/RedisConnectTickets.ts"
import { contract } from "../contract/ConnectTickets.ts"
import * as Poll from "../support/Poll.ts"
import * as RedisServer from "../support/RedisServer.ts"

/** A Redis with its main pool running. */
const redis = Layer.unwrap(
  Effect.map(RedisServer.RedisServer, ({ url }) =>
    Redis.layer({
      url: Redacted.make(url),
      connections: 2,
      connectTimeout: Duration.seconds(1),
      commandTimeout: Duration.seconds(1)
    })
  )
).pipe(
  Layer.tap((context) => {
    const { main } = context.mapUnsafe.get(Redis.Redis.key) as Redis.Redis["Service"]
    return Effect.andThen(
      Effect.forkScoped(main.run),
      Poll.until(() => main.connected() === main.size)
    )
  }),
  Layer.provide(RedisServer.layer()),
  Layer.provide(Logger.layer([]))
)

contract("memory", MemoryConnectTickets.layer)
contract("Redis", RedisConnectTickets.layer.pipe(Layer.provide(redis)))
