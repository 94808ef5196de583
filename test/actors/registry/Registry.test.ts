import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import {
  ActorStartFailed,
  ActorStopped,
  CallTimeout,
  MailboxFull,
  RegistryFull
} from "../../../src/actors/process/ActorErrors.ts"
import { awaitExit } from "../../../src/actors/process/Process.ts"
import type { ReplyTo } from "../../../src/actors/process/ReplyTo.ts"
import * as Registry from "../../../src/actors/registry/Registry.ts"
import type { DynamicSupervisor } from "../../../src/supervisors/DynamicSupervisor.ts"
import * as Supervisor from "../../../src/supervisors/Supervisor.ts"
import { until } from "../../supervisors/support/Settle.ts"

class NoSuchRoom extends Schema.TaggedError<NoSuchRoom>()("NoSuchRoom", {}) {}

type Message =
  | { readonly _tag: "Add"; readonly amount: number }
  | { readonly _tag: "Get"; readonly replyTo: ReplyTo<number> }
  | { readonly _tag: "Hold"; readonly until: Effect.Effect<void> }
  | { readonly _tag: "Crash" }
  | { readonly _tag: "Stop" }

const get = (replyTo: ReplyTo<number>): Message => ({ _tag: "Get", replyTo })
const add = (amount: number): Message => ({ _tag: "Add", amount })

/** What the starts and ends of a registry's actors do, and how often they happened. */
class Rooms {
  starts: Array<string> = []
  ends = 0
  init: (key: string) => Effect.Effect<number, NoSuchRoom> = () => Effect.succeed(0)
  terminate: () => Effect.Effect<void> = () => Effect.void

  behaviour = (key: string) => ({
    init: () =>
      Effect.suspend(() => {
        this.starts.push(key)
        return this.init(key)
      }),
    handle: (message: Message, total: number, self: { readonly stop: () => void }) => {
      switch (message._tag) {
        case "Add":
          return total + message.amount
        case "Get":
          message.replyTo.succeed(total)
          return total
        case "Hold":
          return Effect.as(message.until, total)
        case "Stop":
          self.stop()
          return total
        case "Crash":
          throw new Error("boom")
      }
    },
    terminate: () =>
      Effect.suspend(() => {
        this.ends++
        return this.terminate()
      })
  })
}

type Options = Omit<Registry.RegistryOptions<string, Message, number, NoSuchRoom, never>, "id" | "behaviour">

const running = (options: Options = {}) =>
  Effect.gen(function* () {
    const rooms = new Rooms()
    const registry = Registry.make({ id: "rooms", behaviour: rooms.behaviour, ...options })
    const supervisor = yield* Supervisor.start({ id: "sup", children: [registry.childSpec] })
    return { rooms, registry, supervisor }
  })

describe("a message", () => {
  it.effect("starts the actor of its key, and finds it the next time", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running()
      yield* registry.cast("a", add(2))
      yield* registry.cast("a", add(3))
      yield* registry.cast("b", add(1))
      assert.strictEqual(yield* registry.call("a", get), 5)
      assert.strictEqual(yield* registry.call("b", get), 1)
      assert.deepStrictEqual(rooms.starts, ["a", "b"])
      assert.deepStrictEqual(registry.keys(), ["a", "b"])
      assert.strictEqual(registry.size(), 2)
      assert.strictEqual((yield* registry.get("a")).id, "a")
      assert.strictEqual(registry.lookup("a"), yield* registry.get("a"))
      assert.isUndefined(registry.lookup("c"))
    })
  )

  it.effect("that comes while the actor starts waits for that one start", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running()
      const gate = yield* Deferred.make<void>()
      rooms.init = () => Effect.as(Deferred.await(gate), 7)
      const calls = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 100 }, () => registry.call("a", get)),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(calls), Array(100).fill(7))
      assert.deepStrictEqual(rooms.starts, ["a"])
    })
  )

  it.effect("does not take the start with it when it is given up", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running()
      const gate = yield* Deferred.make<void>()
      rooms.init = () => Effect.as(Deferred.await(gate), 7)
      const first = yield* Effect.forkChild(registry.call("a", get), { startImmediately: true })
      const second = yield* Effect.forkChild(registry.call("a", get), { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(second), 7)
    })
  )

  it.effect("fails as the actor fails to start, which the next one tries again", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running()
      rooms.init = () => Effect.fail(new NoSuchRoom())
      assert.instanceOf(yield* Effect.flip(registry.call("a", get)), NoSuchRoom)
      assert.instanceOf(yield* Effect.flip(registry.cast("a", add(1))), NoSuchRoom)
      rooms.init = () => Effect.die(new Error("poison"))
      assert.deepStrictEqual(
        yield* Effect.flip(registry.call("a", get)),
        new ActorStartFailed({ actor: "a", cause: new Error("poison") })
      )
      rooms.init = () => Effect.succeed(1)
      assert.strictEqual(yield* registry.call("a", get), 1)
      assert.strictEqual(rooms.starts.length, 4)
    })
  )

  it.effect("does not wait for a start longer than its deadline", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running({ callTimeout: "3 seconds" })
      rooms.init = () => Effect.never
      const call = yield* Effect.forkChild(Effect.flip(registry.call("a", get)), { startImmediately: true })
      const cast = yield* Effect.forkChild(Effect.flip(registry.cast("a", add(1))), {
        startImmediately: true
      })
      const patient = yield* Effect.forkChild(Effect.flip(registry.call("a", get, { timeout: "1 minute" })), {
        startImmediately: true
      })
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(call), new CallTimeout({ actor: "a", timeoutMs: 3000 }))
      assert.instanceOf(yield* Fiber.join(cast), CallTimeout)
      assert.isUndefined(patient.pollUnsafe())
      yield* TestClock.adjust("57 seconds")
      assert.instanceOf(yield* Fiber.join(patient), CallTimeout)
    })
  )

  it.effect("has one deadline for the start and the answer together", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running()
      rooms.init = () => Effect.as(Effect.sleep("4 seconds"), 0)
      const hold = yield* Effect.forkChild(
        registry.cast("a", { _tag: "Hold", until: Effect.sleep("1 hour") })
      )
      yield* Effect.yieldNow
      const call = yield* Effect.forkChild(Effect.flip(registry.call("a", get)), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.instanceOf(yield* Fiber.join(call), CallTimeout)
      yield* Fiber.join(hold)
      yield* TestClock.adjust("1 hour")
    })
  )

  it.effect("is refused by a full mailbox", () =>
    Effect.gen(function* () {
      const { registry } = yield* running({ capacity: 1 })
      const latch = yield* Deferred.make<void>()
      yield* registry.cast("a", { _tag: "Hold", until: Deferred.await(latch) })
      yield* until(() => registry.lookup("a")?.inspect().mailboxDepth === 0)
      yield* registry.cast("a", add(1))
      assert.instanceOf(yield* Effect.flip(registry.cast("a", add(1))), MailboxFull)
      assert.instanceOf(yield* Effect.flip(registry.call("a", get)), MailboxFull)
      yield* Deferred.succeed(latch, undefined)
    })
  )

  it.effect("fails where the registry's supervisor does not run", () =>
    Effect.gen(function* () {
      const rooms = new Rooms()
      const registry = Registry.make({ id: "rooms", behaviour: rooms.behaviour })
      const stopped = new ActorStopped({ actor: "a" })
      assert.deepStrictEqual(yield* Effect.flip(registry.call("a", get)), stopped)
      const scope = yield* Scope.make()
      yield* Scope.provide(Supervisor.start({ id: "sup", children: [registry.childSpec] }), scope)
      yield* registry.cast("a", add(1))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Effect.flip(registry.cast("a", add(1))), stopped)
      assert.strictEqual(registry.size(), 0)
      assert.strictEqual(rooms.ends, 1)
    })
  )
})

describe("a registry with a limit", () => {
  it.effect("refuses one actor too many, and takes it when there is room", () =>
    Effect.gen(function* () {
      const { registry } = yield* running({ maxSize: 2 })
      yield* registry.cast("a", add(1))
      yield* registry.cast("b", add(1))
      assert.deepStrictEqual(
        yield* Effect.flip(registry.call("c", get)),
        new RegistryFull({ registry: "rooms", limit: 2 })
      )
      assert.strictEqual(yield* registry.call("a", get), 1)
      yield* registry.stop("a")
      assert.strictEqual(yield* registry.call("c", get), 0)
    })
  )
})

describe("passivation", () => {
  it.effect("ends an idle actor, which the next message starts again", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running({ idleTimeout: "1 minute" })
      yield* registry.cast("a", add(1))
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* registry.call("a", get), 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(registry.size(), 0)
      assert.strictEqual(rooms.ends, 1)
      assert.strictEqual(yield* registry.call("a", get), 0)
    })
  )

  it.effect("loses no message: those that meet an actor on its way out go to the next", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running({ idleTimeout: "1 minute" })
      const gate = yield* Deferred.make<void>()
      yield* registry.cast("a", add(1))
      rooms.terminate = () => Deferred.await(gate)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(rooms.ends, 1)
      assert.strictEqual(registry.size(), 1)
      assert.isUndefined(registry.lookup("a"))
      const casts = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 50 }, () => registry.cast("a", add(1))),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      const call = yield* Effect.forkChild(registry.call("a", get), { startImmediately: true })
      assert.deepStrictEqual(rooms.starts, ["a"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(casts)
      assert.strictEqual(yield* Fiber.join(call), 50)
      assert.deepStrictEqual(rooms.starts, ["a", "a"])
    })
  )

  it.effect("loses no message when it happens all the time, under calls from all sides", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running({ idleTimeout: 5 })
      let handled = 0
      rooms.init = () => Effect.as(Effect.sleep(1), 0)
      rooms.terminate = () => Effect.sleep(1)
      const senders = Array.from({ length: 20 }, (_, sender) =>
        Effect.gen(function* () {
          for (let round = 0; round < 40; round++) {
            yield* Effect.sleep(1 + ((sender * 7 + round * 13) % 11))
            yield* registry.call(`room-${(sender * 3 + round) % 23}`, get)
            handled++
          }
        })
      )
      const all = yield* Effect.forkChild(Effect.all(senders, { concurrency: "unbounded" }))
      for (let step = 0; step < 2000 && all.pollUnsafe() === undefined; step++) yield* TestClock.adjust(1)
      // Nobody would move the clock for the last steps of those that are stopped with the test.
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(all)
      assert.strictEqual(handled, 800)
      assert.strictEqual(registry.size(), 0)
      assert.strictEqual(rooms.ends, rooms.starts.length)
      assert.isAbove(rooms.ends, 100)
    })
  )
})

describe("a crash", () => {
  it.effect("fails the calls that were accepted, and evicts the actor at once", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running()
      yield* registry.cast("a", add(1))
      yield* registry.cast("a", { _tag: "Crash" })
      const accepted = yield* Effect.exit(registry.call("a", get))
      assert.deepStrictEqual(accepted, Exit.fail(new ActorStopped({ actor: "a" })))
      assert.strictEqual(registry.size(), 0)
      assert.strictEqual(yield* registry.call("a", get), 0)
      assert.deepStrictEqual(rooms.starts, ["a", "a"])
    })
  )

  it.effect("is not followed by a restart that nobody asked for, by default", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running()
      const actor = yield* registry.get("a")
      actor.castUnsafe({ _tag: "Crash" })
      yield* awaitExit(actor)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(rooms.starts, ["a"])
    })
  )

  it.effect("is followed by a restart under permanent, which messages find", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running({ restart: "permanent" })
      const actor = yield* registry.get("a")
      actor.castUnsafe({ _tag: "Crash" })
      yield* awaitExit(actor)
      yield* until(() => registry.lookup("a") !== undefined)
      assert.notStrictEqual(registry.lookup("a"), actor)
      assert.strictEqual(yield* registry.call("a", get), 0)
      assert.deepStrictEqual(rooms.starts, ["a", "a"])
    })
  )

  it.effect("at every start uses up the actor's own restarts, and takes nobody else down", () =>
    Effect.gen(function* () {
      const { rooms, registry, supervisor } = yield* running({
        restart: "permanent",
        intensity: { maxRestarts: 5, within: "1 minute" }
      })
      const dynamic = supervisor.child("rooms") as DynamicSupervisor
      yield* registry.cast("good", add(1))
      const poison = yield* registry.get("poison")
      rooms.init = () => Effect.die("poison")
      poison.castUnsafe({ _tag: "Crash" })
      yield* until(() => dynamic.countChildren().specs === 1)
      assert.strictEqual(rooms.starts.length, 7)
      assert.strictEqual(yield* registry.call("good", get), 1)
      assert.instanceOf(yield* Effect.flip(registry.call("poison", get)), ActorStartFailed)
      assert.strictEqual(dynamic.inspect().state, "running")
    })
  )

  it.effect("of the supervisor takes the actors with it, and the registry goes on with the next", () =>
    Effect.gen(function* () {
      const { registry, supervisor } = yield* running()
      yield* registry.cast("a", add(1))
      supervisor.child("rooms")!.kill()
      yield* until(() => supervisor.child("rooms")?.inspect().state === "running")
      assert.strictEqual(registry.size(), 0)
      assert.strictEqual(yield* registry.call("a", get), 0)
    })
  )
})

describe("an actor that stops itself", () => {
  it.effect("is started again for each message, but not for ever for one", () =>
    Effect.gen(function* () {
      const { rooms, registry } = yield* running()
      yield* registry.cast("a", { _tag: "Stop" })
      yield* until(() => registry.size() === 0)
      const closing = Registry.make({
        id: "closing",
        behaviour: () => ({
          init: (self) => {
            rooms.starts.push("closing")
            self.stop()
            return 0
          },
          handle: (_: Message, state: number) => state
        })
      })
      yield* Supervisor.start({ id: "other", children: [closing.childSpec] })
      assert.deepStrictEqual(yield* Effect.flip(closing.call("a", get)), new ActorStopped({ actor: "a" }))
      assert.deepStrictEqual(rooms.starts, ["a", "closing", "closing", "closing"])
    })
  )
})
