/**
 * Effect's own `Redis` service over one of our pools, so that what Effect keeps in Redis (RateLimiter, CircuitBreaker,
 * PersistedQueue, PersistedCache) runs on connections that are bounded, watched and healed like all others. A command
 * without a good answer fails with `RedisError`; its cause is what Redis said, or our `Unavailable`.
 *
 * Gotcha: a reserved connection may block for as long as its command says, so no timeout ends its commands.
 */
import { Deferred, Duration, Effect, Exit, Layer, Scope } from "effect"
import * as Persistence from "effect/persistence/Redis"
import { Redis as PersistenceRedis, RedisError } from "effect/persistence/Redis"
import type { Unavailable } from "../../domain/Errors.ts"
import { Redis } from "../Redis.ts"
import type { RedisConnection } from "./RedisConnection.ts"
import type { RedisPool } from "./RedisPool.ts"

const redisError = (error: Unavailable): RedisError => new RedisError({ cause: error.cause ?? error })

const sendOver =
  ({ send }: Pick<RedisPool, "send">) =>
  <A = unknown>(command: string, ...args: ReadonlyArray<string>): Effect.Effect<A, RedisError> =>
    // What a command answers is known to whoever sends it: Effect's interface lets the sender say so.
    Effect.mapError(send(command, ...args), redisError) as Effect.Effect<A, RedisError>

/** Runs a connection in the scope, and waits until `prepare` is done with its first client. */
const connected = (
  connection: RedisConnection,
  timeout: Duration.Duration,
  prepare: Parameters<RedisConnection["onConnect"]>[0] = () => {}
) =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<void>()
    connection.onConnect((client) => {
      prepare(client)
      Deferred.doneUnsafe(ready, Effect.void)
    })
    yield* Effect.forkScoped(connection.run)
    yield* Deferred.await(ready).pipe(
      Effect.timeout(timeout),
      Effect.mapError((cause) => new RedisError({ cause }))
    )
  })

export const make = Effect.fnUntraced(function* (pool: RedisPool) {
  const { connectTimeout } = pool.options
  return yield* Persistence.make({
    send: sendOver(pool),
    connect: Effect.gen(function* () {
      const scope = yield* Scope.make()
      const connection = pool.dedicated({ commandTimeout: Duration.infinity })
      const close = Scope.close(scope, Exit.void)
      yield* connected(connection, connectTimeout).pipe(
        Scope.provide(scope),
        Effect.onError(() => close)
      )
      return {
        send: sendOver({ send: (command, ...args) => connection.send(command, ...args) }),
        close: Effect.andThen(
          Effect.sync(() => connection.drop()),
          close
        )
      }
    }),
    subscribe: Effect.fnUntraced(function* (channel, onMessage) {
      yield* connected(pool.dedicated(), connectTimeout, (client) => {
        client.on("message", (from, message) => onMessage({ channel: from, message }))
        // A connection that ends before it is subscribed is followed by another one.
        client.subscribe(channel).catch(() => {})
      })
      return Effect.never
    })
  })
})

/** Over the pool for limits, revocations and cached answers. */
export const layerMain = Layer.effect(
  PersistenceRedis,
  Effect.flatMap(Redis, ({ main }) => make(main))
)

/** Over the pool for queues and locks. */
export const layerQueue = Layer.effect(
  PersistenceRedis,
  Effect.flatMap(Redis, ({ queue }) => make(queue))
)
