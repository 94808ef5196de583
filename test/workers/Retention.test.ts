import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ConversationRegistry } from "../../src/actors/ConversationRegistry.ts"
import { Unavailable } from "../../src/domain/Errors.ts"
import type { ConversationId, MessageId } from "../../src/domain/Ids.ts"
import type { Message } from "../../src/domain/Message.ts"
import { MessageStore } from "../../src/domain/ports/MessageStore.ts"
import { WorkLeases } from "../../src/domain/ports/WorkLeases.ts"
import * as Retention from "../../src/workers/Retention.ts"

const BATCH = 3

/** A world in which messages expire at given moments, and who asks is written down. */
class World {
  readonly due = new Map<string, number>()
  readonly deleted: Array<string> = []
  readonly broken = new Set<string>()
  hasLease = true
  isDown = false
  looks = 0

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
          ask: ((id: string, tag: string, { change }: { readonly change: { readonly kind: string } }) => {
            assert.deepStrictEqual([tag, change.kind], ["Apply", "delete"])
            if (this.broken.has(id)) return Effect.fail(new Unavailable({ what: "conversation" }))
            this.due.delete(id)
            this.deleted.push(id)
            return Effect.void
          }) as never,
          active: () => 0,
          supervisor: undefined as never
        })
      ),
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
