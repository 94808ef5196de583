import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Deferred, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Actor from "../../../src/actors/process/Actor.ts"
import type { Self } from "../../../src/actors/process/Behaviour.ts"
import { exitReason } from "../../../src/actors/process/ExitReason.ts"
import { awaitExit } from "../../../src/actors/process/Process.ts"
import type { ReplyTo } from "../../../src/actors/process/ReplyTo.ts"
import { timersIn } from "../../../src/actors/process/Timers.ts"
import { until } from "../../supervisors/support/Settle.ts"

describe("sendAfter", () => {
  it.effect("sends once, after the delay, even into a full mailbox", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const latch = yield* Deferred.make<void>()
      const actor = yield* Actor.start({
        id: "alarm",
        capacity: 1,
        init: (self) => void self.sendAfter("1 second", "alarm"),
        handle: (message: string) => {
          seen.push(message)
          return message === "wait" ? Deferred.await(latch) : undefined
        }
      })
      actor.castUnsafe("wait")
      yield* until(() => seen.length === 1)
      actor.castUnsafe("queued")
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(actor.inspect().mailboxDepth, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(actor.inspect().mailboxDepth, 2)
      yield* Deferred.succeed(latch, undefined)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(seen, ["wait", "queued", "alarm"])
    })
  )

  it.effect("can be cancelled, and ends with the actor", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const actor = yield* Actor.start({
        id: "alarm",
        init: (self) => {
          self.sendAfter("1 second", "cancelled")()
          self.sendAfter("1 second", "kept")
          self.sendAfter("2 seconds", "too late")
        },
        handle: (message: string) => void seen.push(message)
      })
      yield* TestClock.adjust("1 second")
      actor.kill()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(seen, ["kept"])
    })
  )
})

describe("what an actor sets going after its end", () => {
  it.effect("does not begin", () =>
    Effect.gen(function* () {
      let self: Self<string> | undefined
      const other = yield* Actor.start({
        id: "other",
        init: () => undefined,
        handle: (_: string) => undefined
      })
      const actor = yield* Actor.start({
        id: "gone",
        init: (me) => {
          self = me
        },
        handle: (_: string) => undefined
      })
      actor.kill()
      self!.sendAfter("1 second", "never")
      self!.sendEvery("1 second", "never")
      self!.monitor(other, () => "never")
      self!.link(other)()
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(actor.inspect().mailboxDepth, 0)
      assert.isTrue(other.isOpen)
    })
  )
})

describe("sendEvery", () => {
  it.effect("sends at each period until it is cancelled", () =>
    Effect.gen(function* () {
      let ticks = 0
      const actor = yield* Actor.start({
        id: "clock",
        init: (self) => self.sendEvery("10 seconds", "tick" as const),
        handle: (message: "tick" | "cancel", cancel: () => void) => {
          if (message === "tick") ticks++
          else cancel()
          return cancel
        }
      })
      yield* TestClock.adjust("35 seconds")
      assert.strictEqual(ticks, 3)
      actor.castUnsafe("cancel")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(ticks, 3)
    })
  )

  it.effect("skips a tick while the last one waits to be handled, so that they do not pile up", () =>
    Effect.gen(function* () {
      let ticks = 0
      const latch = yield* Deferred.make<void>()
      const actor = yield* Actor.start({
        id: "stuck",
        init: (self) => void self.sendEvery("1 second", "tick"),
        handle: (message: "tick" | "wait") => {
          if (message === "wait") return Deferred.await(latch)
          ticks++
          return undefined
        }
      })
      actor.castUnsafe("wait")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(actor.inspect().mailboxDepth, 1)
      yield* Deferred.succeed(latch, undefined)
      yield* until(() => ticks === 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(ticks, 2)
    })
  )
})

describe("idle time", () => {
  const sleepy = {
    id: "sleepy",
    idleTimeout: "1 minute" as const,
    init: (): ReadonlyArray<ReplyTo<string>> => [],
    handle: (message: "ping" | ReplyTo<string>, waiting: ReadonlyArray<ReplyTo<string>>) =>
      message === "ping" ? waiting : [...waiting, message]
  }

  it.effect("ends the actor normally, counted from its last message", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start(sleepy)
      yield* TestClock.adjust("59 seconds")
      actor.castUnsafe("ping")
      yield* TestClock.adjust("59 seconds")
      assert.isTrue(actor.isOpen)
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(actor.pollExit(), Exit.void)
    })
  )

  it.effect("does not pass while a call waits for its answer", () =>
    Effect.gen(function* () {
      const held: Array<ReplyTo<string>> = []
      const actor = yield* Actor.start({
        ...sleepy,
        init: () => undefined,
        handle: (replyTo: ReplyTo<string>) => void held.push(replyTo)
      })
      const calling = yield* Effect.forkChild(
        actor.call<string>((replyTo) => replyTo, { timeout: Duration.infinity })
      )
      yield* until(() => held.length === 1)
      yield* TestClock.adjust("10 minutes")
      assert.isTrue(actor.isOpen)
      held[0]!.succeed("answer")
      assert.strictEqual(yield* Fiber.join(calling), "answer")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(exitReason(yield* awaitExit(actor)), "normal")
    })
  )

  it.effect("does not pass while a handler runs", () =>
    Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const actor = yield* Actor.start({
        id: "busy",
        idleTimeout: "1 minute",
        init: () => undefined,
        handle: (_: "wait") => Deferred.await(latch)
      })
      actor.castUnsafe("wait")
      yield* TestClock.adjust("10 minutes")
      assert.isTrue(actor.isOpen)
      yield* Deferred.succeed(latch, undefined)
    })
  )

  it.effect("can do something else than ending, again and again", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start({
        id: "counting",
        idleTimeout: "1 minute",
        init: () => 0,
        handle: (replyTo: ReplyTo<number>, idles: number) => {
          replyTo.succeed(idles)
          return idles
        },
        onIdle: (idles) => Effect.as(Effect.yieldNow, idles + 1)
      })
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual(yield* actor.call<number>((replyTo) => replyTo), 3)
    })
  )
})

describe("Timers", () => {
  it.effect("fire in the order of their times, whatever the order they were set and cancelled in", () =>
    Effect.gen(function* () {
      const timers = timersIn(yield* Effect.context<never>())
      const fired: Array<number> = []
      const delays = Array.from({ length: 200 }, (_, index) => 1 + ((index * 7919) % 200))
      const cancels = delays.map((delay) => timers.after(delay, () => void fired.push(delay)))
      for (const [index, cancel] of cancels.entries()) if (index % 3 === 0) cancel()
      yield* TestClock.adjust("200 millis")
      const expected = delays.filter((_, index) => index % 3 !== 0).toSorted((left, right) => left - right)
      assert.deepStrictEqual(fired, expected)
    })
  )

  it.effect("can be set and cancelled by a timer that fires", () =>
    Effect.gen(function* () {
      const timers = timersIn(yield* Effect.context<never>())
      const fired: Array<string> = []
      const cancelled = timers.after(20, () => void fired.push("cancelled"))
      timers.after(10, () => {
        fired.push("first")
        cancelled()
        timers.after(10, () => void fired.push("second"))
      })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(fired, ["first", "second"])
    })
  )

  it.effect("keep one sleeper for all, and none when there is nothing to wait for", () =>
    Effect.gen(function* () {
      const test = yield* Clock.Clock
      let sleepers = 0
      const clock: Clock.Clock = {
        ...test,
        sleep: (duration) =>
          Effect.ensuring(
            Effect.suspend(() => {
              sleepers++
              return test.sleep(duration)
            }),
            Effect.sync(() => void sleepers--)
          )
      }
      const timers = timersIn(Context.add(yield* Effect.context<never>(), Clock.Clock, clock))
      const cancels = [30, 10, 20].map((delay) => timers.after(delay, () => {}))
      assert.strictEqual(sleepers, 1)
      for (const cancel of cancels) cancel()
      assert.strictEqual(sleepers, 0)
      timers.after(5, () => {})
      yield* TestClock.adjust("5 millis")
      assert.strictEqual(sleepers, 0)
    })
  )
})
