/**
 * Blocks that all nodes share, in `main_pool`. A node asks about a subject when it first meets it; after that it hears
 * of what changes (`Broker`), and asks again in the background now and then, should it have missed something.
 */
import { Clock, Effect, FiberSet, Layer } from "effect"
import type { Unavailable, UserBlocked } from "../../domain/Errors.ts"
import { BLOCK_MEMORY, type Rule, rules } from "../../domain/Limits.ts"
import { BLOCKS_TOPIC, type Block, Blocks, type Subject } from "../../domain/ports/Blocks.ts"
import { Broker } from "../../domain/ports/Broker.ts"
import { type BlocksOptions, KnownBlocks } from "../memory/MemoryBlocks.ts"
import { Redis } from "./Redis.ts"
import * as RedisScript from "./RedisScript.ts"

const INDEX = "messaging:blocks"

/** A lifted block has a rule like any other; which one, nobody is told. */
const LIFTED: Rule = "messages"

const keyOf = (subject: Subject): string => `messaging:block:${subject}`

/** For how long an answer is believed before it is asked again, in the background. */
const BELIEVED_MS = 60_000
/** The same while Redis does not answer. */
const RETRY_MS = 1000

/**
 * A block that this node knows to last, told to a Redis that has lost it, or could not be told before. One that is longer,
 * or was made later, stands; so does the lifting of it.
 */
const shareScript = `
local since, till = unpack(redis.call('HMGET', KEYS[1], 'since', 'until'))
if till and (tonumber(till) >= tonumber(ARGV[4]) or tonumber(since) >= tonumber(ARGV[3])) then return 0 end
redis.call('HSET', KEYS[1], 'rule', ARGV[1], 'level', ARGV[2], 'since', ARGV[3], 'until', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1`

/** Level 0 for as long as anybody may still know the block: that there is nothing says that it was lost. */
const liftScript = `
${RedisScript.now}
local moment = string.format('%.0f', now)
redis.call('HSET', KEYS[1], 'rule', ARGV[1], 'level', '0', 'since', moment, 'until', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[2])`

/** Puts a subject on the list: ARGV: subject, until, lifetime. Those whose blocks have ended leave it: nobody may ever ask. */
const indexScript = `
${RedisScript.now}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])`

/** `nextBlock`, for all nodes at once, by the clock of Redis. Answers the block: rule, level, since, until. */
const strikeScript = `
${RedisScript.now}
local rule, level, since, till = unpack(redis.call('HMGET', KEYS[1], 'rule', 'level', 'since', 'until'))
if till and tonumber(till) > now then return {rule, level, since, till} end
local former = tonumber(level or '0')
local length = tonumber(ARGV[3 + math.min(former, #ARGV - 3)])
local ends = string.format('%.0f', now + length)
local begins = string.format('%.0f', now)
redis.call('HSET', KEYS[1], 'rule', ARGV[1], 'level', former + 1, 'since', begins, 'until', ends)
redis.call('PEXPIRE', KEYS[1], length + tonumber(ARGV[2]))
return {ARGV[1], tostring(former + 1), begins, ends}`

const blockOf = (
  subject: Subject,
  [rule, level, since, until]: ReadonlyArray<unknown>
): Block | undefined => {
  const known = rules.find((name) => name === rule)
  if (known === undefined || level === "0") return undefined
  return { subject, rule: known, level: Number(level), since: Number(since), until: Number(until) }
}

export const layer = ({ lengths, maxSubjects }: BlocksOptions) =>
  Layer.effect(
    Blocks,
    Effect.gen(function* () {
      const { main } = yield* Redis
      const broker = yield* Broker
      const clock = yield* Clock.Clock
      const run = yield* FiberSet.makeRuntime<never>()
      const known = new KnownBlocks(maxSubjects)
      /** Until when what is known of a subject is believed. Oldest first. */
      const believed = new Map<Subject, number>()
      /** Milliseconds for which somebody may know a block. */
      const longest = BLOCK_MEMORY + Math.max(...lengths)
      const strikeShared = RedisScript.make(main, strikeScript)
      const shareOwn = RedisScript.make(main, shareScript)
      const liftShared = RedisScript.make(main, liftScript)
      const putOnList = RedisScript.make(main, indexScript)
      const now = () => clock.currentTimeMillisUnsafe()

      const believe = (subject: Subject, ms: number): void => {
        believed.delete(subject)
        if (believed.size >= maxSubjects) believed.delete(believed.keys().next().value!)
        believed.set(subject, now() + ms)
      }

      const find = (subject: Subject): Effect.Effect<Block | undefined, Unavailable> =>
        Effect.map(main.send("HMGET", keyOf(subject), "rule", "level", "since", "until"), (fields) =>
          blockOf(subject, fields as ReadonlyArray<unknown>)
        )

      const tell = (block: Block): void =>
        broker.publish({
          topic: BLOCKS_TOPIC,
          event: "blocked",
          payload: JSON.stringify(block),
          seq: null,
          except: null
        })

      const index = ({ subject, until }: Block) =>
        putOnList([INDEX], [subject, String(until), String(longest)])

      /** What Redis knows, after it was told what this node knows and it does not. */
      const reconcile = Effect.fnUntraced(function* (subject: Subject) {
        const own = known.find(subject)
        if (own === undefined || own.until <= now()) return yield* find(subject)
        const { level, rule, since, until } = own
        const lifetime = until - now() + BLOCK_MEMORY
        const args = [rule, ...[level, since, until, lifetime].map(String)]
        if ((yield* shareOwn([keyOf(subject)], args)) === 0) return yield* find(subject)
        yield* index(own)
        tell(own)
        return own
      })

      /** An outage unblocks nobody whom this node knows to be blocked, and blocks nobody. */
      const ask = (subject: Subject): Effect.Effect<void> =>
        Effect.match(reconcile(subject), {
          onSuccess: (block) => {
            believe(subject, BELIEVED_MS)
            if (block === undefined) known.delete(subject)
            else known.put(block, now())
          },
          onFailure: () => believe(subject, RETRY_MS)
        })

      let changed: (subject: Subject) => void = () => {}

      const heard = (block: Block): void => {
        believe(block.subject, BELIEVED_MS)
        if (block.level === 0) known.delete(block.subject)
        else known.put(block, now())
        changed(block.subject)
      }

      const strike = Effect.fnUntraced(function* (
        subject: Subject,
        rule: Rule
      ): Effect.fn.Return<Block | undefined, Unavailable> {
        const args = [rule, String(BLOCK_MEMORY), ...lengths.map(String)]
        const block = blockOf(
          subject,
          (yield* strikeShared([keyOf(subject)], args)) as ReadonlyArray<unknown>
        )
        if (block !== undefined) yield* index(block)
        return block
      })

      return Blocks.of({
        check: (subject) => {
          const until = believed.get(subject)
          if (until === undefined) {
            const answer = Effect.suspend(() => Effect.fromResult(known.check(subject, now())))
            return Effect.andThen(ask(subject), answer) satisfies Effect.Effect<void, UserBlocked>
          }
          if (until <= now()) {
            believe(subject, RETRY_MS)
            run(ask(subject))
          }
          return known.check(subject, now())
        },
        strike: (subject, rule) =>
          strike(subject, rule).pipe(
            Effect.orElseSucceed(() => undefined),
            Effect.map((block) => {
              const made = block ?? known.strike(subject, rule, lengths, now())
              heard(made)
              if (block !== undefined) tell(made)
              return made
            })
          ),
        lift: Effect.fnUntraced(function* (subject) {
          yield* liftShared([keyOf(subject)], [LIFTED, String(longest)])
          yield* main.send("ZREM", INDEX, subject)
          const lifted: Block = { subject, rule: LIFTED, level: 0, since: now(), until: 0 }
          heard(lifted)
          tell(lifted)
        }),
        find: (subject) => Effect.map(find(subject), (shared) => shared ?? known.find(subject)),
        list: Effect.fnUntraced(function* (limit) {
          yield* main.send("ZREMRANGEBYSCORE", INDEX, "-inf", String(now()))
          const subjects = yield* main.send("ZREVRANGE", INDEX, "0", String(limit - 1))
          const found = yield* Effect.forEach(subjects as ReadonlyArray<Subject>, find, { concurrency: 50 })
          return found.filter((block) => block !== undefined)
        }),
        heard,
        onChange: (listener) => {
          changed = listener
        },
        inDoubt: () => believed.clear()
      })
    })
  )
