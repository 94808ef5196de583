/**
 * `node bench/admission.ts`: what admitting a message costs, in microseconds of this process's CPU. Half a minute; the
 * rows with Redis need a redis-server on the PATH, or REDIS_URL.
 *
 * The same messages, of 500 senders in turn, through `Conversations.post` up to the conversation's actor (which is left
 * out): with an admission that looks at nothing, with one that looks at sizes alone as an Effect (as it was before
 * there were limits), and with all limits and rules, counted here or in Redis. The limits are high enough for all to
 * pass, and windows last as long as in the defaults, so leases are of the usual size. Each figure is the least of
 * several windows.
 */
import { spawn } from "node:child_process"
import { Context, Duration, Effect, Exit, Layer, Logger, Redacted, Result } from "effect"
import * as ConversationRegistry from "../src/actors/conversation/ConversationRegistry.ts"
import { Conversations } from "../src/actors/conversation/Conversations.ts"
import * as LocalConversations from "../src/actors/conversation/LocalConversations.ts"
import { MessageTooLarge } from "../src/domain/Errors.ts"
import type { Caller } from "../src/domain/Identity.ts"
import { type ConversationId, DeviceId, type UserId } from "../src/domain/Ids.ts"
import { defaults, type Limits } from "../src/domain/Limits.ts"
import { Admission } from "../src/domain/ports/Admission.ts"
import { AuditLog } from "../src/domain/ports/AuditLog.ts"
import type { Blocks } from "../src/domain/ports/Blocks.ts"
import { Broker } from "../src/domain/ports/Broker.ts"
import { ConversationStore } from "../src/domain/ports/ConversationStore.ts"
import { Media } from "../src/domain/ports/Media.ts"
import { MessageStore } from "../src/domain/ports/MessageStore.ts"
import type { RateLimiter } from "../src/domain/ports/RateLimiter.ts"
import { UserDirectory } from "../src/domain/ports/UserDirectory.ts"
import * as RuledContentPolicy from "../src/layers/content/RuledContentPolicy.ts"
import * as GuardedAdmission from "../src/layers/limits/GuardedAdmission.ts"
import * as MemoryBlocks from "../src/layers/memory/MemoryBlocks.ts"
import * as MemoryRateLimiter from "../src/layers/memory/MemoryRateLimiter.ts"
import * as Redis from "../src/layers/redis/Redis.ts"
import * as RedisBlocks from "../src/layers/redis/RedisBlocks.ts"
import * as RedisRateLimiter from "../src/layers/redis/RedisRateLimiter.ts"
import { number, render } from "./support/table.ts"

const SENDERS = 500
const MESSAGES = 100_000
const WINDOWS = 5
const PORT = 16_399

/** A hundred times the defaults: of these messages none is refused, and leases are a tenth of what is left, as ever. */
const limits: Limits = {
  ...defaults,
  user: { ...defaults.user, message: { max: 100_000, windowMs: 3_600_000 } },
  suspicion: { ...defaults.suspicion, messages: { max: 5_000, windowMs: 60_000 } }
}

const callers = Array.from({ length: SENDERS }, (_, index): Caller => {
  const userId = `00000000-0000-7000-8000-${String(index).padStart(12, "0")}` as UserId
  return {
    sessionId: null,
    identity: {
      userId,
      deviceId: DeviceId.make("phone"),
      tokenId: "token",
      trust: "normal",
      scopes: [],
      issuedAt: 0,
      expiresAt: Number.MAX_SAFE_INTEGER
    }
  }
})
const conversation = "00000000-0000-7000-9000-000000000001" as ConversationId
const message = { content: "x".repeat(120), client_random: 1 }

/** A port of which nothing but `methods` is used. */
const only = <I, S extends object>(port: Context.Service<I, S>, methods: Partial<S>) =>
  Layer.succeed(port, methods as S)

/** Everything behind the admission: nothing. */
const nothing = Layer.mergeAll(
  only(ConversationRegistry.ConversationRegistry, {
    tell: (_id, _tag, _fields, answered) => answered(Exit.succeed(undefined as never))
  }),
  only(ConversationStore, {}),
  only(MessageStore, {}),
  only(Broker, {}),
  only(Media, {}),
  only(UserDirectory, { maySend: () => undefined })
)

const open = only(Admission, { message: (_sender, _id, message) => Result.succeed(message) })

/** As it was before there were limits. */
const sizeOnly = only(Admission, {
  message: (_sender, _id, message) =>
    Buffer.byteLength(message.content) > 10_485_760
      ? Effect.fail(new MessageTooLarge({ limit: 10_485_760 }))
      : Effect.succeed(message)
})

const audit = only(AuditLog, { note: () => {} })

const policy = RuledContentPolicy.layer({ blockedWords: [], modes: {} }).pipe(Layer.provide(audit))

const guarded = <E>(counted: Layer.Layer<RateLimiter | Blocks, E>) =>
  GuardedAdmission.layer({ maxMessageBytes: 10_485_760, limits }).pipe(
    Layer.provide(counted),
    Layer.provide(policy),
    Layer.provide(audit)
  )

const options = { maxSubjects: 200_000, lengths: defaults.blocks }

const inMemory = Layer.merge(MemoryRateLimiter.layer(options), MemoryBlocks.layer(options))

const redisUrl = Effect.acquireRelease(
  Effect.callback<string>((resume) => {
    if (process.env.REDIS_URL !== undefined) return resume(Effect.succeed(process.env.REDIS_URL))
    const server = spawn("redis-server", ["--port", String(PORT), "--save", "", "--bind", "127.0.0.1"], {
      stdio: ["ignore", "pipe", "ignore"]
    })
    process.on("exit", () => server.kill("SIGKILL"))
    server.on("error", () => resume(Effect.die(new Error("there is no redis-server on the PATH"))))
    server.stdout.on("data", (text: Buffer) => {
      if (text.includes("Ready to accept")) resume(Effect.succeed(`redis://127.0.0.1:${PORT}`))
    })
  }),
  () => Effect.void
)

const inRedis = Layer.unwrap(
  Effect.map(redisUrl, (url) =>
    Layer.merge(RedisRateLimiter.layer(options), RedisBlocks.layer(options)).pipe(
      Layer.provideMerge(
        Layer.effectContext(
          Effect.gen(function* () {
            const timeout = Duration.seconds(2)
            const context = yield* Layer.build(
              Redis.layer({
                url: Redacted.make(url),
                connections: 2,
                connectTimeout: timeout,
                commandTimeout: timeout
              })
            )
            const { main } = Context.get(context, Redis.Redis)
            yield* Effect.forkScoped(main.run)
            yield* Effect.repeat(Effect.sleep(10), { until: () => main.isWhole() })
            return context
          })
        )
      ),
      Layer.provide(only(Broker, { publish: () => {} }))
    )
  )
)

/** Least CPU per message, and how many of them were admitted. */
const measure = <E>(admission: Layer.Layer<Admission, E>) =>
  Effect.gen(function* () {
    const { post } = yield* Conversations
    let micros = Number.POSITIVE_INFINITY
    let admitted = 0
    for (let window = 0; window < WINDOWS; window++) {
      const before = process.cpuUsage()
      for (let index = 0; index < MESSAGES; index++) {
        const waiting = post(callers[index % SENDERS]!, conversation, message, (exit) => {
          if (Exit.isSuccess(exit)) admitted++
        })
        if (waiting !== undefined && (yield* Effect.isSuccess(waiting))) admitted++
        // As on a live server: what Redis answers comes in between.
        if (index % 1000 === 0) yield* Effect.sleep(1)
      }
      const { system, user } = process.cpuUsage(before)
      micros = Math.min(micros, (user + system) / MESSAGES)
    }
    return { micros, admitted: admitted / (MESSAGES * WINDOWS) }
  }).pipe(
    Effect.provide(
      LocalConversations.layer.pipe(Layer.provide(admission), Layer.provide(policy), Layer.provide(nothing))
    ),
    Effect.scoped
  )

const main = Effect.gen(function* () {
  const rows = [
    { name: "no admission", figures: yield* measure(open) },
    { name: "size alone, as an Effect", figures: yield* measure(sizeOnly) },
    { name: "all limits and the content policy, counted here", figures: yield* measure(guarded(inMemory)) },
    { name: "the same, counted in Redis", figures: yield* measure(guarded(inRedis)) }
  ]
  const [{ figures: floor }] = rows as [(typeof rows)[0]]
  process.stdout.write(
    render({
      title: "Admitting a message",
      columns: ["", "us of CPU", "over no admission", "admitted"],
      rows: rows.map(({ figures: { admitted, micros }, name }) => [
        name,
        number(micros, 2),
        number(micros - floor.micros, 2),
        number(admitted * 100, 1)
      ]),
      notes: ["`post` up to the conversation's actor, including the loop around it."]
    })
  )
})

await Effect.runPromise(main.pipe(Effect.scoped, Effect.provide(Logger.layer([]))))
process.exit(0)
