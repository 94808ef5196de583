/**
 * Budgets that all nodes share, in `main_pool`: a counter per scope and subject, which lives as long as its window. Its
 * lifetime is kept by Redis, so no two clocks need to agree. What a node does with it is `LeasedBudget`'s business.
 *
 * `run` tells the nodes of each other, a beat every few seconds: each must know how many share a limit before Redis
 * falls silent.
 */
import { randomUUID } from "node:crypto"
import { Clock, Context, Effect, FiberSet, Layer } from "effect"
import { RateLimiter } from "../../domain/ports/RateLimiter.ts"
import { type Answer, LeasedBudget, type Ledger } from "../limits/LeasedBudget.ts"
import { Redis } from "./Redis.ts"
import * as RedisScript from "./RedisScript.ts"

/**
 * A lease is what is waited for, and at least a tenth of what is left: the nodes come to the limit together. A counter
 * that was lost is at least what the asking node gave out itself.
 */
const leaseScript = `
local max, window = tonumber(ARGV[1]), ARGV[2]
local spent, own, need = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local used = tonumber(redis.call('GET', KEYS[1]) or '0') + spent
if used < own then used = own end
local left = math.max(0, max - used)
local granted = math.min(left, math.max(need, math.ceil(left / 10)))
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 then
  redis.call('SET', KEYS[1], used + granted, 'PX', window)
  ttl = tonumber(window)
else
  redis.call('SET', KEYS[1], used + granted, 'KEEPTTL')
end
return {granted, left - granted, ttl}`

/** Says that a node is there, and answers how many are. */
const beatScript = `
${RedisScript.now}
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])`

const NODES = "messaging:limit-nodes"
const BEAT = "5 seconds"
/** A node that misses two beats in a row is gone. */
const BEAT_LIFETIME_MS = 15_000

const keyOf = (scope: string, subject: string): string => `messaging:limit:${scope}:${subject}`

export class RateLimiterLoop extends Context.Service<
  RateLimiterLoop,
  { readonly run: Effect.Effect<never> }
>()("messaging-service/layers/RateLimiterLoop") {}

export const layer = ({ maxSubjects }: { readonly maxSubjects: number }) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { main } = yield* Redis
      const clock = yield* Clock.Clock
      const runFork = yield* FiberSet.makeRuntime<never>()
      const lease = RedisScript.make(main, leaseScript)
      const beat = RedisScript.make(main, beatScript)
      const node = randomUUID()
      let nodes = 1

      const ledger: Ledger = {
        nodes: () => nodes,
        now: () => clock.currentTimeMillisUnsafe(),
        run: (effect) => void runFork(effect),
        clear: (limit, subject) => Effect.asVoid(main.send("DEL", keyOf(limit.scope, subject))),
        ask: ({ max, scope, windowMs }, subject, { need, own, spent }) =>
          Effect.map(
            lease([keyOf(scope, subject)], [max, windowMs, spent, own, need].map(String)),
            (answer): Answer => {
              const [granted, remaining, endsIn] = answer as [number, number, number]
              return { granted, remaining, endsIn }
            }
          )
      }

      const run = beat([NODES], [node, String(BEAT_LIFETIME_MS)]).pipe(
        Effect.map((count) => {
          nodes = Number(count)
        }),
        // Those who were there when Redis fell silent still share the limits.
        Effect.ignore,
        Effect.andThen(Effect.sleep(BEAT)),
        Effect.forever
      )

      return Context.make(
        RateLimiter,
        RateLimiter.of({ budget: (limit) => new LeasedBudget(limit, ledger, maxSubjects) })
      ).pipe(Context.add(RateLimiterLoop, { run }))
    })
  )
