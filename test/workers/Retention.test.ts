import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ConversationRegistry } from "../../src/actors/conversation/ConversationRegistry.ts"
import { Unavailable } from "../../src/domain/Errors.ts"
import type { ConversationId, MessageId } from "../../src/domain/Ids.ts"
import type { Message } from "../../src/domain/Message.ts"
import { MessageStore } from "../../src/domain/ports/MessageStore.ts"
import { RetentionStore } from "../../src/domain/ports/RetentionStore.ts"
import { WorkLeases } from "../../src/domain/ports/WorkLeases.ts"
import * as Retention from "../../src/workers/Retention.ts"

const BATCH = 3
const conversationId = "conversation" as string as ConversationId

/** A world in which messages expire at given moments, and who asks is written down. */
class World {
  readonly due = new Map<string, number>()
  readonly deleted: Array<string> = []
  readonly broken = new Set<string>()
  hasLease = true
  isDown = false
  looks = 0
  /** A conversation that keeps its messages for a minute. */
  readonly log: Array<Message> = []
  retainedSeq = 0
  retainAt = 0
  retentionLooks = 0

  sent(seq: number, at: number, isDeleted = false): void {
    this.log.push({
      id: `m${seq}` as MessageId,
      conversation_id: conversationId,
      seq,
      sent_at: new Date(at).toISOString(),
      expires_at: null,
      is_deleted: isDeleted
    } as Message)
  }

  readonly layer = Retention.layer({ interval: "1 second", batch: BATCH }).pipe(
    Layer.provide([
      Layer.mock(MessageStore)({
        expired: (at, limit) =>
          Effect.suspend(() => {
            this.looks++
            if (this.isDown) return Effect.fail(new Unavailable({ what: "database" }))
            const found = [...this.due].filter(([, expiry]) => expiry <= at).slice(0, limit)
            return Effect.succeed(
              found.map(
                ([id]) =>
                  ({ id: id as MessageId, conversation_id: id as string as ConversationId }) as Message
              )
            )
          })
      }),
      Layer.succeed(
        ConversationRegistry,
        ConversationRegistry.of({
          ask: ((
            conversation: string,
            tag: string,
            { change, target }: { readonly change: { readonly kind: string }; readonly target: Message }
          ) => {
            const id = conversation === conversationId ? target.id : conversation
            assert.deepStrictEqual([tag, change.kind], ["Apply", "delete"])
            if (this.broken.has(id)) return Effect.fail(new Unavailable({ what: "conversation" }))
            this.due.delete(id)
            this.log.forEach((message, i) => {
              if (message.id === id) this.log[i] = { ...message, is_deleted: true }
            })
            this.deleted.push(id)
            return Effect.void
          }) as never,
          tell: undefined as never,
          active: () => 0,
          supervisor: undefined as never
        })
      ),
      Layer.mock(RetentionStore)({
        due: (at) =>
          Effect.sync(() => {
            this.retentionLooks++
            return at < this.retainAt
              ? []
              : [{ conversationId, retention: 60_000, retainedSeq: this.retainedSeq }]
          }),
        after: (id, seq, limit) =>
          Effect.sync(() => {
            assert.strictEqual(id, conversationId)
            return this.log.filter((message) => message.seq > seq).slice(0, limit)
          }),
        advance: (_due, retainedSeq, retainAt) =>
          Effect.sync(() => {
            this.retainedSeq = retainedSeq
            this.retainAt = retainAt
          })
      }),
      Layer.succeed(
        WorkLeases,
        WorkLeases.of({ hold: () => Effect.sync(() => this.hasLease), release: () => Effect.void })
      )
    ])
  )
}

const running = (test: (world: World) => Effect.Effect<void>) => {
  const world = new World()
  return Effect.gen(function* () {
    yield* Effect.forkScoped((yield* Retention.Retention).run)
    yield* TestClock.adjust(0)
    yield* test(world)
  }).pipe(Effect.provide(world.layer), Effect.scoped)
}

describe("Retention", () => {
  it.effect("deletes a message when its time is over, not before, and once", () =>
    running((world) =>
      Effect.gen(function* () {
        world.due.set("a", 5_000).set("b", 6_000)
        yield* TestClock.adjust("4 seconds")
        assert.deepStrictEqual(world.deleted, [])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(world.deleted, ["a"])
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(world.deleted, ["a", "b"])
      })
    )
  )

  it.effect(
    "deletes what a conversation keeps no longer, in order, and looks again when the next is due",
    () =>
      running((world) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("100 seconds")
          for (let seq = 1; seq <= 7; seq++) world.sent(seq, seq * 1000, seq === 4)
          world.sent(8, 95_000)
          world.retainAt = 0
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(world.deleted, ["m1", "m2", "m3", "m5", "m6", "m7"])
          assert.deepStrictEqual([world.retainedSeq, world.retainAt], [7, 155_000])
          yield* TestClock.adjust("53 seconds")
          assert.strictEqual(world.deleted.length, 6)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(world.deleted.at(-1), "m8")
          assert.strictEqual(world.retainedSeq, 8)
        })
      )
  )

  it.effect("does not pass a message that could not be deleted", () =>
    running((world) =>
      Effect.gen(function* () {
        for (let seq = 1; seq <= 2; seq++) world.sent(seq, -100_000)
        world.broken.add("m1")
        world.retainAt = 0
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([world.deleted, world.retainedSeq], [["m2"], 0])
        world.broken.clear()
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([world.deleted, world.retainedSeq], [["m2", "m1"], 2])
      })
    )
  )

  it.effect("goes on at once while there is more than one look finds", () =>
    running((world) =>
      Effect.gen(function* () {
        for (let n = 0; n < 10; n++) world.due.set(`${n}`, 500)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(world.deleted.length, 10)
      })
    )
  )

  it.effect("looks for nothing while another node does", () =>
    running((world) =>
      Effect.gen(function* () {
        world.hasLease = false
        const before = world.looks
        world.due.set("a", 0)
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual([world.deleted, world.looks], [[], before])
        world.hasLease = true
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(world.deleted, ["a"])
      })
    )
  )

  it.effect("tries again later what failed, and does not let it hold up the rest", () =>
    running((world) =>
      Effect.gen(function* () {
        world.broken.add("a")
        for (const id of ["a", "b", "c", "d"]) world.due.set(id, 0)
        const before = world.looks
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([world.deleted, world.looks - before], [["b", "c"], 1])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(world.deleted, ["b", "c", "d"])
        world.broken.clear()
        world.isDown = true
        yield* TestClock.adjust("10 seconds")
        world.isDown = false
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(world.deleted, ["b", "c", "d", "a"])
      })
    )
  )
})
