import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Conversations, type SendError } from "../../src/actors/conversation/Conversations.ts"
import { Forbidden, NotMember, RateLimited, Unavailable, UserBlocked } from "../../src/domain/Errors.ts"
import type { ConversationId, MessageId, UserId } from "../../src/domain/Ids.ts"
import { type DueMessage, ScheduleStore } from "../../src/domain/ports/ScheduleStore.ts"
import type { ScheduledMessage } from "../../src/domain/Scheduled.ts"
import * as ScheduledSends from "../../src/workers/ScheduledSends.ts"

const scheduled = (id: string, at: number, conversation = "one"): ScheduledMessage => ({
  id,
  conversation_id: conversation as ConversationId,
  sender_id: "alice" as UserId,
  message_type: "text",
  content: id,
  metadata: {},
  client_random: 1,
  reply_to_id: null,
  attachments: [],
  expires_in: null,
  scheduled_for: new Date(at).toISOString(),
  status: "pending",
  message_id: null,
  failure: null,
  created_at: new Date(0).toISOString(),
  updated_at: new Date(0).toISOString()
})

/** What is due when; what a send answers; and what became of it. */
class World {
  readonly waiting = new Map<string, { readonly due: DueMessage; at: number }>()
  readonly answers = new Map<string, SendError>()
  readonly sends: Array<string> = []
  readonly settled: Array<ReadonlyArray<unknown>> = []

  add(message: ScheduledMessage, isInDoubt = false): void {
    const at = Date.parse(message.scheduled_for)
    this.waiting.set(message.id, { due: { scheduled: message, trust: "normal", isInDoubt }, at })
  }

  readonly layer = ScheduledSends.layer({ interval: "1 second", batch: 3, claim: "15 seconds" }).pipe(
    Layer.provide([
      Layer.mock(ScheduleStore)({
        take: (at, until, limit) =>
          Effect.sync(() => {
            const due = [...this.waiting.values()].filter((one) => one.at <= at).slice(0, limit)
            for (const one of due) one.at = until
            return due.map((one) => one.due)
          }),
        sent: (id, messageId) =>
          Effect.sync(() => {
            this.waiting.delete(id)
            this.settled.push(["sent", id, messageId])
          }),
        failed: (id, reason) =>
          Effect.sync(() => {
            this.waiting.delete(id)
            this.settled.push(["failed", id, reason])
          }),
        later: (id, at, isInDoubt) =>
          Effect.sync(() => {
            this.waiting.get(id)!.at = at
            this.settled.push(["later", id, at, isInDoubt])
          })
      }),
      Layer.mock(Conversations)({
        post: () => undefined,
        send: ({ identity, sessionId }, _id, { content }) =>
          Effect.suspend(() => {
            assert.deepStrictEqual([identity.userId as string, sessionId], ["alice", null])
            this.sends.push(content)
            const refusal = this.answers.get(content)
            if (refusal !== undefined) return Effect.fail(refusal)
            return Effect.succeed({
              message_id: `sent ${content}` as MessageId,
              seq: 1,
              sent_at: "",
              duplicate: false
            })
          })
      })
    ])
  )
}

const running = (test: (world: World) => Effect.Effect<void>) => {
  const world = new World()
  return Effect.gen(function* () {
    yield* Effect.forkScoped((yield* ScheduledSends.ScheduledSends).run)
    yield* TestClock.adjust(0)
    yield* test(world)
  }).pipe(Effect.provide(world.layer), Effect.scoped)
}

describe("ScheduledSends", () => {
  it.effect("sends when the time has come, not before, and once", () =>
    running((world) =>
      Effect.gen(function* () {
        world.add(scheduled("a", 5_000))
        yield* TestClock.adjust("4 seconds")
        assert.deepStrictEqual(world.sends, [])
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual([world.sends, world.settled], [["a"], [["sent", "a", "sent a"]]])
      })
    )
  )

  it.effect("sends all that is due at once, in a conversation in the order of their times", () =>
    running((world) =>
      Effect.gen(function* () {
        for (let n = 0; n < 8; n++) world.add(scheduled(`${n}`, n))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(world.sends, ["0", "1", "2", "3", "4", "5", "6", "7"])
      })
    )
  )

  it.effect("records a refusal by its reason, and does not try again", () =>
    running((world) =>
      Effect.gen(function* () {
        world.add(scheduled("stranger", 0))
        world.add(scheduled("mute", 0))
        world.answers.set("stranger", new NotMember()).set("mute", new Forbidden({ rule: "role:send" }))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(world.settled, [
          ["failed", "stranger", "not_member"],
          ["failed", "mute", "forbidden"]
        ])
        assert.strictEqual(world.sends.length, 2)
      })
    )
  )

  it.effect("tries again what could not be sent now, and knows whether it may have been", () =>
    running((world) =>
      Effect.gen(function* () {
        world.add(scheduled("limited", 0, "a"))
        world.add(scheduled("blocked", 0, "b"), true)
        world.add(scheduled("down", 0, "c"))
        world.answers
          .set("limited", new RateLimited({ scope: "message", limit: 1, retryAfterMs: 7_000 }))
          .set("blocked", new UserBlocked({ until: 9_000 }))
          .set("down", new Unavailable({ what: "messages" }))
        yield* TestClock.adjust("1 second")
        assert.sameDeepMembers(world.settled.splice(0), [
          ["later", "limited", 8_000, false],
          ["later", "blocked", 9_000, true],
          ["later", "down", 6_000, true]
        ])
        world.answers.clear()
        yield* TestClock.adjust("10 seconds")
        assert.sameDeepMembers(
          world.settled.map(([what, id]) => [what, id]),
          ["limited", "blocked", "down"].map((id) => ["sent", id])
        )
      })
    )
  )

  it.effect("gives up on what could not be sent for a day", () =>
    running((world) =>
      Effect.gen(function* () {
        world.add(scheduled("down", -25 * 3_600_000))
        world.answers.set("down", new Unavailable({ what: "messages" }))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(world.settled, [["failed", "down", "unavailable"]])
      })
    )
  )
})
