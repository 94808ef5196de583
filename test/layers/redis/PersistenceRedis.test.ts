/** Effect's own stores over our pools, on a real Redis that also goes away and comes back empty. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Logger, Queue, Redacted, Schema } from "effect"
import { CircuitBreaker, PersistedQueue, Redis as Persistence, RateLimiter } from "effect/persistence"
import * as PersistenceRedis from "../../../src/layers/redis/PersistenceRedis.ts"
import * as Redis from "../../../src/layers/redis/Redis.ts"
import * as Poll from "../../support/Poll.ts"
import * as RedisServer from "../../support/RedisServer.ts"

const running = (url: string) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { main, pubsub, queue, session } = yield* Redis.Redis
      for (const { run } of [main, session, queue, pubsub]) yield* Effect.forkScoped(run)
      yield* Poll.until(() => main.isWhole() && queue.isWhole())
    })
  ).pipe(
    Layer.provideMerge(
      Redis.layer({
        url: Redacted.make(url),
        connections: 2,
        connectTimeout: Duration.seconds(1),
        commandTimeout: Duration.seconds(2)
      })
    )
  )

const it_ = <E>(
  name: string,
  body: (
    redis: RedisServer.RedisServer["Service"]
  ) => Effect.Effect<unknown, E, Persistence.Redis | Redis.Redis>
) =>
  it.live(name, () =>
    Effect.flatMap(RedisServer.make(), (redis) =>
      body(redis).pipe(
        Effect.provide(PersistenceRedis.layerMain.pipe(Layer.provideMerge(running(redis.url))))
      )
    ).pipe(Effect.provide(Logger.layer([])))
  )

describe("Effect's Redis service over our pools", () => {
  it_("counts for RateLimiter, and goes on counting when Redis has forgotten its scripts", () =>
    Effect.gen(function* () {
      const { consume } = yield* RateLimiter.make
      const { send } = yield* Persistence.Redis
      const take = consume({
        algorithm: "fixed-window",
        key: "alice",
        limit: 3,
        window: "1 minute",
        tokens: 1,
        onExceeded: "fail"
      })
      assert.strictEqual((yield* take).remaining, 2)
      yield* send("SCRIPT", "FLUSH")
      assert.strictEqual((yield* take).remaining, 1)
      yield* take
      const error = yield* Effect.flip(take)
      assert.strictEqual(error.reason._tag, "RateLimitExceeded")
    }).pipe(Effect.provide(RateLimiter.layerStoreRedis()))
  )

  it_("trips a CircuitBreaker for everyone who shares it", () =>
    Effect.gen(function* () {
      const breaker = CircuitBreaker.make({
        tripPolicy: CircuitBreaker.consecutive(2),
        openDuration: "1 minute"
      })
      const [one, two] = [yield* breaker, yield* breaker]
      const key = { key: "peer" }
      for (let i = 0; i < 2; i++) yield* Effect.exit(Effect.fail("no").pipe(one.execute(key)))
      yield* Poll.until(
        Effect.map(
          Effect.exit(Effect.succeed("yes").pipe(two.execute(key))),
          ({ _tag }) => _tag === "Failure"
        ),
        { what: "the other one to be open" }
      )
    }).pipe(Effect.provide(CircuitBreaker.layerStoreRedis()), Effect.scoped)
  )

  it_("keeps a PersistedQueue", () =>
    Effect.gen(function* () {
      const queue = yield* PersistedQueue.make({ name: "letters", schema: Schema.String })
      yield* queue.offer("hello")
      yield* queue.take((letter) => Effect.sync(() => assert.strictEqual(letter, "hello")))
    }).pipe(
      Effect.provide(PersistedQueue.layer.pipe(Layer.provide(PersistedQueue.layerStoreRedis()))),
      Effect.scoped
    )
  )

  it_("answers with RedisError while Redis is away, and again when it is back", (redis) =>
    Effect.gen(function* () {
      const { send } = yield* Persistence.Redis
      yield* redis.kill9
      const error = yield* Effect.flip(send("GET", "key"))
      assert.strictEqual(error._tag, "RedisError")
      yield* redis.restart({ empty: true })
      yield* Poll.until(Effect.isSuccess(send("PING")))
    })
  )

  it_("reserves a connection on which a blocking command holds up nobody, and frees it", () =>
    Effect.gen(function* () {
      const { reserve, send } = yield* Persistence.Redis
      yield* Effect.gen(function* () {
        const reserved = yield* reserve
        const waiting = yield* Effect.forkScoped(reserved.send<ReadonlyArray<string>>("BLPOP", "list", "60"))
        // Longer than a command of the pool may take.
        yield* Poll.until(
          Effect.map(send<string>("CLIENT", "LIST"), (clients) => clients.includes("cmd=blpop"))
        )
        yield* Effect.sleep("2500 millis")
        yield* send("RPUSH", "list", "item")
        assert.deepStrictEqual(yield* Fiber.join(waiting), ["list", "item"])
      }).pipe(Effect.scoped)
    })
  )

  it_("subscribes, and again after Redis was away", (redis) =>
    Effect.gen(function* () {
      const { send, subscribe } = yield* Persistence.Redis
      const messages = yield* subscribe("news")
      const heard = (message: string) =>
        Effect.gen(function* () {
          yield* Poll.until(
            Effect.map(
              Effect.orElseSucceed(send<number>("PUBLISH", "news", message), () => 0),
              (to) => to > 0
            )
          )
          // What was published before, and was answered too late, may be there twice.
          const got = yield* Effect.repeat(Queue.take(messages), { until: (one) => one.message === message })
          assert.deepStrictEqual(got, { channel: "news", message })
        })
      yield* heard("one")
      yield* redis.restart({ empty: true })
      yield* heard("two")
    }).pipe(Effect.scoped)
  )
})
