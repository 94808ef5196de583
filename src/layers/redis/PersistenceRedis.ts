/**
 * Effect's own `Redis` service over one of our pools, so that what Effect keeps in Redis (RateLimiter, CircuitBreaker,
 * PersistedQueue, PersistedCache) runs on connections that are bounded, watched and healed like all others. A command
 * without a good answer fails with `RedisError`; its cause is what Redis said, or our `Unavailable`.
 *
 * Gotcha: a reserved connection may block for as long as its command says, so no timeout ends its commands.
 */
import { Duration, Effect, Exit, Layer, Scope } from "effect"
import * as Persistence from "effect/persistence/Redis"
import { Redis as PersistenceRedis, RedisError } from "effect/persistence/Redis"
import type { Unavailable } from "../../domain/Errors.ts"
import { Redis } from "./Redis.ts"
import type { Dedicated, RedisPool } from "./RedisPool.ts"

const redisError = (error: Unavailable): RedisError => new RedisError({ cause: error.cause ?? error })

const sendOver =
  ({ send }: Pick<RedisPool, "send">) =>
  <A = unknown>(command: string, ...args: ReadonlyArray<string>): Effect.Effect<A, RedisError> =>
    // What a command answers is known to whoever sends it: Effect's interface lets the sender say so.
    Effect.mapError(send(command, ...args), redisError) as Effect.Effect<A, RedisError>

/** Runs a connection in the scope, and waits until it can be used. */
const connected = ({ ready, run }: Pick<Dedicated, "ready" | "run">, timeout: Duration.Duration) =>
  Effect.andThen(
    Effect.forkScoped(run),
    ready.pipe(
      Effect.timeout(timeout),
      Effect.mapError((cause) => new RedisError({ cause }))
    )
  )

export const make = Effect.fnUntraced(function* (pool: RedisPool) {
  const { connectTimeout } = pool.options
  return yield* Persistence.make({
    send: sendOver(pool),
    connect: Effect.gen(function* () {
      const scope = yield* Scope.make()
      const dedicated = pool.dedicated({ commandTimeout: Duration.infinity })
      const close = Scope.close(scope, Exit.void)
      yield* connected(dedicated, connectTimeout).pipe(
        Scope.provide(scope),
        Effect.onError(() => close)
      )
      return {
        send: sendOver({ send: (command, ...args) => dedicated.send(command, ...args) }),
        close: Effect.andThen(
          Effect.sync(() => dedicated.drop()),
          close
        )
      }
    }),
    subscribe: Effect.fnUntraced(function* (channel, onMessage) {
      const connection = pool.listener()
      connection.onConnect((client) => {
        client.on("message", (from, message) => onMessage({ channel: from, message }))
        // A connection that ends before it is subscribed is followed by another one.
        client.subscribe(channel).catch(() => {})
      })
      yield* connected(connection, connectTimeout)
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
