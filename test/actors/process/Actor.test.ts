import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Actor from "../../../src/actors/process/Actor.ts"
import { ActorStopped, CallTimeout, MailboxFull } from "../../../src/actors/process/ActorErrors.ts"
import { exitReason } from "../../../src/actors/process/ExitReason.ts"
import { awaitExit } from "../../../src/actors/process/Process.ts"
import { type ReplyTo, reply, replyWith } from "../../../src/actors/process/ReplyTo.ts"
import { until } from "../../supervisors/support/Settle.ts"

type Counter =
  | { readonly _tag: "Add"; readonly amount: number }
  | { readonly _tag: "Get"; readonly replyTo: ReplyTo<number> }
  | { readonly _tag: "Refuse"; readonly replyTo: ReplyTo<number, "refused"> }
  | { readonly _tag: "Wait"; readonly latch: Deferred.Deferred<void> }
  | { readonly _tag: "Crash" }

const counter = {
  id: "counter",
  init: () => 0,
  handle: (message: Counter, state: number) => {
    switch (message._tag) {
      case "Add":
        return state + message.amount
      case "Get":
        message.replyTo.succeed(state)
        return state
      case "Refuse":
        message.replyTo.fail("refused")
        return state
      case "Wait":
        return Effect.as(Deferred.await(message.latch), state)
      case "Crash":
        throw new Error("boom")
    }
  }
}

const get = (replyTo: ReplyTo<number>): Counter => ({ _tag: "Get", replyTo })
const add = (amount: number): Counter => ({ _tag: "Add", amount })

describe("messages", () => {
  it.effect("are handled one by one in the order they were sent", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const actor = yield* Actor.start({
        id: "echo",
        init: () => undefined,
        handle: (message: string) =>
          Effect.gen(function* () {
            seen.push(`${message} begins`)
            yield* Effect.yieldNow
            seen.push(`${message} ends`)
          })
      })
      yield* actor.cast("first")
      assert.isTrue(actor.castUnsafe("second"))
      yield* until(() => seen.length === 4)
      assert.deepStrictEqual(seen, ["first begins", "first ends", "second begins", "second ends"])
    })
  )

  it.effect("of a call are answered with a value or a typed failure", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start(counter)
      yield* actor.cast(add(2))
      yield* actor.cast(add(3))
      assert.strictEqual(yield* actor.call(get), 5)
      const refusal = yield* Effect.flip(
        actor.call<number, "refused">((replyTo) => ({ _tag: "Refuse", replyTo }))
      )
      assert.strictEqual(refusal, "refused")
    })
  )

  it.effect("can be answered later, from a plain callback", () =>
    Effect.gen(function* () {
      const waiting: Array<ReplyTo<string>> = []
      const actor = yield* Actor.start({
        id: "later",
        init: () => undefined,
        handle: (replyTo: ReplyTo<string>) => void waiting.push(replyTo)
      })
      const first = yield* Effect.forkChild(actor.call<string>((replyTo) => replyTo))
      const second = yield* Effect.forkChild(actor.call<string>((replyTo) => replyTo))
      yield* until(() => waiting.length === 2)
      assert.isTrue(waiting[1]!.succeed("second"))
      assert.isFalse(waiting[1]!.succeed("again"))
      yield* reply(waiting[0]!, "first")
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["first", "second"])
    })
  )

  it.effect("are answered in a turn of the caller's own, not in the middle of the handler", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const actor = yield* Actor.start({
        id: "polite",
        init: () => undefined,
        handle: (replyTo: ReplyTo<void>) => {
          replyTo.succeed(undefined)
          log.push("the handler goes on")
        }
      })
      yield* actor.call<void>((replyTo) => replyTo)
      log.push("the caller goes on")
      assert.deepStrictEqual(log, ["the handler goes on", "the caller goes on"])
    })
  )

  it.effect("can be answered with the outcome of an effect, a defect of which does not reach the actor", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start({
        id: "outcome",
        init: () => undefined,
        handle: (replyTo: ReplyTo<never>) => replyWith(replyTo, Effect.die("defect"))
      })
      const exit = yield* Effect.exit(actor.call<never>((replyTo) => replyTo))
      assert.isTrue(Exit.hasDies(exit))
      assert.isTrue(actor.isOpen)
    })
  )

  it.effect("do not nest: a chain of ten thousand casts leaves the stack alone", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<number>()
      let next: Actor.Actor<number> | undefined
      for (let index = 0; index < 10_000; index++) {
        const after = next
        next = yield* Actor.start({
          id: `link-${index}`,
          init: () => undefined,
          handle: (hops: number) => {
            if (after === undefined) Deferred.doneUnsafe(reached, Exit.succeed(hops))
            else after.castUnsafe(hops + 1)
          }
        })
      }
      next!.castUnsafe(1)
      assert.strictEqual(yield* Deferred.await(reached), 10_000)
    })
  )

  it.effect("of a busy actor do not keep the others from their turn, nor the event loop", () =>
    Effect.gen(function* () {
      let turns = 0
      const busy = yield* Actor.start({
        id: "busy",
        init: () => undefined,
        handle: (_: "again", __: undefined, self) => {
          turns++
          self.castUnsafe("again")
          return undefined
        }
      })
      busy.castUnsafe("again")
      const other = yield* Actor.start(counter)
      assert.strictEqual(yield* other.call(get), 0)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      assert.isAbove(turns, 0)
      busy.kill()
      yield* awaitExit(busy)
    })
  )
})

describe("a full mailbox", () => {
  const fill = (overflow: Actor.Overflow) =>
    Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const actor = yield* Actor.start({ ...counter, capacity: 2, overflow })
      yield* actor.cast({ _tag: "Wait", latch })
      yield* until(() => actor.inspect().mailboxDepth === 0)
      return { actor, release: Deferred.succeed(latch, undefined) }
    })

  it.effect("rejects by default, and says so", () =>
    Effect.gen(function* () {
      const { actor, release } = yield* fill("reject")
      yield* actor.cast(add(1))
      yield* actor.cast(add(1))
      const full = new MailboxFull({ actor: "counter", capacity: 2 })
      assert.deepStrictEqual(yield* Effect.flip(actor.cast(add(1))), full)
      assert.deepStrictEqual(yield* Effect.flip(actor.call(get)), full)
      assert.isFalse(actor.castUnsafe(add(1)))
      assert.strictEqual(actor.inspect().mailboxDepth, 2)
      yield* release
      yield* until(() => actor.inspect().mailboxDepth === 0)
      assert.strictEqual(yield* actor.call(get), 2)
    })
  )

  it.effect("can drop the newest message, but tells a caller", () =>
    Effect.gen(function* () {
      const { actor, release } = yield* fill("drop_newest")
      yield* actor.cast(add(1))
      yield* actor.cast(add(1))
      yield* actor.cast(add(100))
      assert.instanceOf(yield* Effect.flip(actor.call(get)), MailboxFull)
      yield* release
      yield* until(() => actor.inspect().mailboxDepth === 0)
      assert.strictEqual(yield* actor.call(get), 2)
    })
  )

  it.effect("can drop the oldest message, and fails the call that it was", () =>
    Effect.gen(function* () {
      const { actor, release } = yield* fill("drop_oldest")
      const oldest = yield* Effect.forkChild(Effect.flip(actor.call(get)))
      yield* until(() => actor.inspect().mailboxDepth === 1)
      yield* actor.cast(add(10))
      yield* actor.cast(add(5))
      assert.instanceOf(yield* Fiber.join(oldest), MailboxFull)
      yield* release
      yield* until(() => actor.inspect().mailboxDepth === 0)
      assert.strictEqual(yield* actor.call(get), 15)
    })
  )
})

describe("a call", () => {
  const silent = {
    id: "silent",
    init: () => undefined,
    handle: (_: ReplyTo<never>) => undefined
  }

  it.effect("ends with CallTimeout at its deadline, five seconds by default", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start(silent)
      const calling = yield* Effect.forkChild(Effect.flip(actor.call<never>((replyTo) => replyTo)))
      yield* Effect.yieldNow
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(calling.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(
        yield* Fiber.join(calling),
        new CallTimeout({ actor: "silent", timeoutMs: 5000 })
      )
      assert.isTrue(actor.isOpen)
    })
  )

  it.effect("keeps its own deadline when others are answered, late or sooner", () =>
    Effect.gen(function* () {
      const waiting: Array<ReplyTo<string>> = []
      const actor = yield* Actor.start({
        id: "list",
        callTimeout: "10 seconds",
        init: () => undefined,
        handle: (replyTo: ReplyTo<string>) => void waiting.push(replyTo)
      })
      const call = (timeout?: number) =>
        Effect.forkChild(Effect.exit(actor.call<string>((replyTo) => replyTo, timeout ? { timeout } : {})))
      const [usual, short, answered] = [yield* call(), yield* call(1000), yield* call(2000)]
      yield* until(() => waiting.length === 3)
      waiting[2]!.succeed("answered")
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(short)))
      assert.deepStrictEqual(yield* Fiber.join(answered), Exit.succeed("answered"))
      assert.isFalse(waiting[1]!.isAwaited)
      assert.isTrue(waiting[0]!.isAwaited)
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(usual)))
    })
  )

  it.effect("counts the time behind a callback that is still running", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start(counter)
      const latch = yield* Deferred.make<void>()
      yield* actor.cast({ _tag: "Wait", latch })
      yield* until(() => actor.inspect().mailboxDepth === 0)
      const calling = yield* Effect.forkChild(Effect.flip(actor.call(get)))
      yield* until(() => actor.inspect().mailboxDepth === 1)
      yield* TestClock.adjust("5 seconds")
      assert.instanceOf(yield* Fiber.join(calling), CallTimeout)
      yield* Deferred.succeed(latch, undefined)
    })
  )

  it.effect("that is interrupted leaves nothing behind, and its answer goes nowhere", () =>
    Effect.gen(function* () {
      const waiting: Array<ReplyTo<string>> = []
      const actor = yield* Actor.start({
        id: "interrupted",
        init: () => undefined,
        handle: (replyTo: ReplyTo<string>) => void waiting.push(replyTo)
      })
      const calling = yield* Effect.forkChild(actor.call<string>((replyTo) => replyTo))
      yield* until(() => waiting.length === 1)
      yield* Fiber.interrupt(calling)
      assert.isFalse(waiting[0]!.isAwaited)
      assert.isFalse(waiting[0]!.succeed("too late"))
    })
  )

  it.effect("fails with ActorStopped when the actor dies, handled or not", () =>
    Effect.gen(function* () {
      const handled: Array<ReplyTo<never>> = []
      const actor = yield* Actor.start({
        id: "dying",
        init: () => undefined,
        handle: (message: ReplyTo<never> | "crash") => {
          if (message === "crash") throw new Error("boom")
          handled.push(message)
        }
      })
      const call = Effect.forkChild(Effect.flip(actor.call<never>((replyTo) => replyTo)))
      const before = yield* call
      yield* until(() => handled.length === 1)
      actor.castUnsafe("crash")
      const behind = yield* call
      const stopped = new ActorStopped({ actor: "dying" })
      assert.deepStrictEqual(yield* Fiber.join(before), stopped)
      assert.deepStrictEqual(yield* Fiber.join(behind), stopped)
      assert.deepStrictEqual(yield* Effect.flip(actor.call<never>((replyTo) => replyTo)), stopped)
      assert.deepStrictEqual(yield* Effect.flip(actor.cast("crash")), stopped)
      assert.strictEqual(handled.length, 1)
    })
  )

  it.effect("from plain code is answered through a callback, once", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start(counter)
      const answers: Array<Exit.Exit<number, unknown>> = []
      actor.callUnsafe(get, (exit) => void answers.push(exit))
      const giveUp = actor.callUnsafe(get, (exit) => void answers.push(exit))
      giveUp()
      yield* until(() => answers.length > 0)
      actor.kill()
      actor.callUnsafe(get, (exit) => void answers.push(exit))
      yield* until(() => answers.length === 2)
      assert.deepStrictEqual(answers, [Exit.succeed(0), Exit.fail(new ActorStopped({ actor: "counter" }))])
    })
  )
})

describe("a defect", () => {
  it.effect("in a handler ends the actor, with the cause as its exit", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start(counter)
      yield* actor.cast({ _tag: "Crash" })
      const exit = yield* awaitExit(actor)
      assert.strictEqual(exitReason(exit), "crashed")
      assert.deepStrictEqual(exit, Exit.die(new Error("boom")))
      assert.deepStrictEqual(actor.pollExit(), exit)
    })
  )

  it.effect("in an effect of a handler ends the actor as well", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start({
        id: "effectful",
        init: () => 0,
        handle: (_: "crash", state: number) =>
          Effect.as(Effect.andThen(Effect.yieldNow, Effect.die("boom")), state)
      })
      yield* actor.cast("crash")
      assert.deepStrictEqual(yield* awaitExit(actor), Exit.die("boom"))
    })
  )
})
