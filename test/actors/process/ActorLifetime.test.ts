import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Logger, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Actor from "../../../src/actors/process/Actor.ts"
import { ActorStopped } from "../../../src/actors/process/ActorErrors.ts"
import { exitReason, Killed, Shutdown } from "../../../src/actors/process/ExitReason.ts"
import { awaitExit, fromEffect, type Process, stop } from "../../../src/actors/process/Process.ts"
import type { ReplyTo } from "../../../src/actors/process/ReplyTo.ts"
import { until } from "../../supervisors/support/Settle.ts"

class NoDisk extends Schema.TaggedError<NoDisk>()("NoDisk", {}) {}

/** An actor that writes down what happens to it. */
const recorder = (log: Array<string>) => ({
  id: "recorder",
  init: () =>
    Effect.gen(function* () {
      log.push("init")
      yield* Effect.addFinalizer((exit) => Effect.sync(() => void log.push(`finalizer: ${exitReason(exit)}`)))
      return 0
    }),
  handle: (message: string | Deferred.Deferred<void>, handled: number) =>
    typeof message === "string"
      ? Effect.sync(() => {
          log.push(message)
          return handled + 1
        })
      : Effect.as(Deferred.await(message), handled),
  terminate: (handled: number, exit: Exit.Exit<unknown, unknown>) =>
    void log.push(`terminate after ${handled}: ${exitReason(exit)}`)
})

describe("starting", () => {
  it.effect("fails as init fails, and releases what init had acquired", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let leaked: Actor.Actor<string> | undefined
      const failure = yield* Effect.flip(
        Actor.start({
          id: "failing",
          init: (self) => {
            leaked = self
            self.castUnsafe("never handled")
            return Effect.andThen(
              Effect.addFinalizer(() => Effect.sync(() => void log.push("released"))),
              Effect.fail(new NoDisk())
            )
          },
          handle: (message: string) => void log.push(message),
          terminate: () => void log.push("terminate")
        })
      )
      assert.instanceOf(failure, NoDisk)
      assert.deepStrictEqual(log, ["released"])
      assert.deepStrictEqual(yield* Effect.flip(leaked!.cast("x")), new ActorStopped({ actor: "failing" }))
    })
  )

  it.effect("dies of a defect in init", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Actor.start({
          id: "failing",
          init: (): number => {
            throw new Error("no")
          },
          handle: (_: string, state: number) => state
        })
      )
      assert.deepStrictEqual(exit, Exit.die(new Error("no")))
    })
  )

  it.effect("that is interrupted leaves no actor behind", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const starting = yield* Effect.forkChild(
        Effect.scoped(
          Actor.start({
            id: "slow",
            init: () =>
              Effect.andThen(
                Effect.addFinalizer(() => Effect.sync(() => void log.push("released"))),
                Effect.never
              ),
            handle: (_: string, state: number) => state
          })
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(starting)
      assert.deepStrictEqual(log, ["released"])
    })
  )

  it.effect("keeps messages sent during init for afterwards", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start({
        id: "early",
        init: (self) => {
          self.castUnsafe(1)
          return Effect.as(Effect.yieldNow, 10)
        },
        handle: (message: number | ReplyTo<number>, state: number) => {
          if (typeof message === "number") return state + message
          message.succeed(state)
          return state
        }
      })
      assert.strictEqual(yield* actor.call<number>((replyTo) => replyTo), 11)
    })
  )
})

describe("an orderly end", () => {
  it.effect("handles what was queued, terminates, closes the scope, and then fails unanswered calls", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const actor = yield* Actor.start(recorder(log))
      actor.castUnsafe("a")
      actor.castUnsafe("b")
      actor.shutdown()
      assert.isFalse(actor.castUnsafe("too late"))
      assert.strictEqual(actor.inspect().state, "stopping")
      const exit = yield* awaitExit(actor)
      assert.strictEqual(exitReason(exit), "shutdown")
      assert.deepStrictEqual(log, ["init", "a", "b", "terminate after 2: shutdown", "finalizer: shutdown"])
      assert.deepStrictEqual(actor.inspect(), { state: "exited", mailboxDepth: 0 })
    })
  )

  it.effect("comes when the scope of the start closes, which waits for it", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const actor = yield* Actor.start(recorder(log))
          actor.castUnsafe("a")
        })
      )
      assert.deepStrictEqual(log, ["init", "a", "terminate after 1: shutdown", "finalizer: shutdown"])
    })
  )

  it.effect("becomes a kill when it takes longer than the scope will wait", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const actor = yield* Scope.provide(Actor.start({ ...recorder(log), shutdown: "2 seconds" }), scope)
      actor.castUnsafe(yield* Deferred.make<void>())
      yield* until(() => actor.inspect().mailboxDepth === 0)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["init", "finalizer: killed"])
    })
  )

  it.effect("leaves nothing in the scope of the start when the actor ended before", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      for (let round = 0; round < 3; round++) {
        yield* stop(yield* Scope.provide(Actor.start(recorder([])), scope))
      }
      assert.strictEqual(scope.state._tag, "Empty")
    })
  )

  it.effect("can still answer in terminate", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start({
        id: "last words",
        init: (): ReadonlyArray<ReplyTo<string>> => [],
        handle: (replyTo: ReplyTo<string>, waiting) => [...waiting, replyTo],
        terminate: (waiting) => {
          waiting[0]?.succeed("goodbye")
        }
      })
      const first = yield* Effect.forkChild(actor.call<string>((replyTo) => replyTo))
      const second = yield* Effect.forkChild(Effect.flip(actor.call<string>((replyTo) => replyTo)))
      yield* Effect.yieldNow
      yield* stop(actor)
      assert.strictEqual(yield* Fiber.join(first), "goodbye")
      assert.instanceOf(yield* Fiber.join(second), ActorStopped)
    })
  )

  it.effect("that it asks for itself comes after the present message, and drops what is queued", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const actor = yield* Actor.start({
        id: "self",
        init: (): void => {},
        handle: (message: string, _: void, self) => {
          log.push(message)
          if (message === "stop") {
            self.stop(Exit.fail(new Shutdown({ reason: "done" })))
            log.push("still in the handler")
          }
        },
        terminate: (_, exit) => void log.push(exitReason(exit))
      })
      for (const message of ["a", "stop", "b"]) actor.castUnsafe(message)
      yield* awaitExit(actor)
      assert.deepStrictEqual(log, ["a", "stop", "still in the handler", "shutdown"])
    })
  )

  it.effect("that fails in terminate or in a finalizer is a crash", () =>
    Effect.gen(function* () {
      const inTerminate = yield* Actor.start({
        ...recorder([]),
        terminate: () => {
          throw new Error("in terminate")
        }
      })
      assert.strictEqual(exitReason(yield* stop(inTerminate)), "crashed")
      const inFinalizer = yield* Actor.start({
        id: "finalizer",
        init: () => Effect.addFinalizer(() => Effect.die("in finalizer")),
        handle: () => undefined
      })
      assert.strictEqual(exitReason(yield* stop(inFinalizer)), "crashed")
    })
  )
})

describe("a kill", () => {
  it.effect("interrupts what runs, forgets what is queued, skips terminate and runs the finalizers", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const actor = yield* Actor.start(recorder(log))
      actor.castUnsafe(yield* Deferred.make<void>())
      yield* until(() => actor.inspect().mailboxDepth === 0)
      const calling = yield* Effect.forkChild(Effect.flip(actor.call<never>(() => "unhandled")))
      yield* until(() => actor.inspect().mailboxDepth === 1)
      actor.kill()
      assert.deepStrictEqual(actor.pollExit(), Exit.fail(new Killed({ process: "recorder" })))
      assert.instanceOf(yield* Fiber.join(calling), ActorStopped)
      assert.deepStrictEqual(log, ["init", "finalizer: killed"])
    })
  )

  it.effect("from within its own handler takes effect after it", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start({
        id: "suicide",
        init: (): void => {},
        handle: (_: "now", __: void, self) => self.kill()
      })
      actor.castUnsafe("now")
      assert.strictEqual(exitReason(yield* awaitExit(actor)), "killed")
    })
  )

  it.effect("cuts an orderly end short", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start({ ...recorder([]), terminate: () => Effect.never })
      actor.shutdown()
      yield* Effect.yieldNow
      assert.isUndefined(actor.pollExit())
      actor.kill()
      assert.strictEqual(exitReason(yield* awaitExit(actor)), "killed")
    })
  )
})

describe("a crash that nobody supervises", () => {
  it.effect("is logged", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ message, cause }) => void logged.push({ message, cause }))
      const actor = yield* Actor.start({
        id: "lonely",
        init: () => undefined,
        handle: (_: "crash") => Effect.die("boom")
      }).pipe(Effect.provide(Logger.layer([logger])))
      actor.castUnsafe("crash")
      yield* awaitExit(actor)
      assert.deepStrictEqual(logged, [{ message: ["actor lonely crashed"], cause: Cause.die("boom") }])
    })
  )
})

describe("observers", () => {
  it.effect("are told once, in order, and at once when the actor has ended before", () =>
    Effect.gen(function* () {
      const actor = yield* Actor.start(recorder([]))
      const told: Array<number> = []
      const cancels = Array.from({ length: 20 }, (_, index) => actor.onExit(() => void told.push(index)))
      for (const index of [0, 7, 19]) cancels[index]!()
      actor.kill()
      actor.kill()
      actor.onExit(() => void told.push(100))
      const expected = Array.from({ length: 20 }, (_, index) => index).filter(
        (index) => ![0, 7, 19].includes(index)
      )
      assert.deepStrictEqual(told, [...expected, 100])
    })
  )

  it.effect("include other actors, by monitors, which they can take back", () =>
    Effect.gen(function* () {
      const watched = yield* Actor.start(recorder([]))
      const ended = yield* Actor.start(recorder([]))
      yield* stop(ended)
      const seen: Array<string> = []
      const watcher = yield* Actor.start({
        id: "watcher",
        init: (self) => {
          self.monitor(watched, (exit) => `watched: ${exitReason(exit)}`)
          self.monitor(watched, () => "taken back")()
          self.monitor(ended, (exit) => `ended: ${exitReason(exit)}`)
        },
        handle: (message: string) => void seen.push(message)
      })
      watched.kill()
      yield* until(() => seen.length === 2)
      assert.deepStrictEqual(seen, ["ended: shutdown", "watched: killed"])
      assert.isTrue(watcher.isOpen)
    })
  )
})

describe("links", () => {
  const linked = (other: Process) =>
    Actor.start({
      id: "linked",
      init: (self) => self.link(other),
      handle: (_: "unlink", unlink: () => void) => {
        unlink()
        return unlink
      }
    })

  it.effect("end both when either crashes, with the same exit", () =>
    Effect.gen(function* () {
      const crashing = yield* Actor.start({
        id: "crashing",
        init: () => undefined,
        handle: (_: "crash"): undefined => {
          throw new Error("boom")
        }
      })
      const other = yield* linked(crashing)
      crashing.castUnsafe("crash")
      assert.deepStrictEqual(yield* awaitExit(other), Exit.die(new Error("boom")))

      const target = yield* Actor.start(recorder([]))
      const source = yield* linked(target)
      source.kill()
      assert.deepStrictEqual(yield* awaitExit(target), source.pollExit())
    })
  )

  it.effect("carry a shutdown, and not a normal end", () =>
    Effect.gen(function* () {
      const normal = yield* Actor.start({
        id: "normal",
        init: (): void => {},
        handle: (_: "stop", __: void, self) => self.stop()
      })
      const survivor = yield* linked(normal)
      normal.castUnsafe("stop")
      yield* awaitExit(normal)
      yield* Effect.yieldNow
      assert.isTrue(survivor.isOpen)

      const target = yield* Actor.start(recorder([]))
      const victim = yield* linked(target)
      yield* stop(target)
      assert.strictEqual(exitReason(yield* awaitExit(victim)), "shutdown")
    })
  )

  it.effect("can be taken back", () =>
    Effect.gen(function* () {
      const target = yield* Actor.start(recorder([]))
      const actor = yield* linked(target)
      actor.castUnsafe("unlink")
      yield* Effect.yieldNow
      actor.kill()
      assert.isTrue(target.isOpen)
    })
  )

  it.effect("reach any process", () =>
    Effect.gen(function* () {
      const process = yield* fromEffect("fiber", Effect.never)
      const actor = yield* linked(process)
      actor.kill()
      assert.strictEqual(exitReason(yield* awaitExit(process)), "killed")
    })
  )
})
