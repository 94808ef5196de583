import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { exitReason, RestartIntensityExceeded } from "../../src/actors/process/ExitReason.ts"
import { awaitExit, stop } from "../../src/actors/process/Process.ts"
import * as ChildSpec from "../../src/supervisors/ChildSpec.ts"
import * as DynamicSupervisor from "../../src/supervisors/DynamicSupervisor.ts"
import * as Supervisor from "../../src/supervisors/Supervisor.ts"
import {
  ChildAlreadyStarted,
  ChildNotFound,
  MaxChildrenReached,
  SupervisorStopped
} from "../../src/supervisors/SupervisorErrors.ts"
import { Puppets } from "./support/Puppets.ts"
import { until } from "./support/Settle.ts"

const about = (child: string) => ({ supervisor: "dyn", child })

describe("startChild", () => {
  it.effect("hands over the process, and refuses an id twice", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      const process = yield* supervisor.startChild(puppets.spec({ id: "a" }))
      assert.strictEqual(supervisor.child("a"), process)
      assert.deepStrictEqual(
        yield* Effect.flip(supervisor.startChild(puppets.spec({ id: "a" }))),
        new ChildAlreadyStarted(about("a"))
      )
    })
  )

  it.effect("fails as the child does, and keeps nothing of it", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      puppets.failStarts("a", 1)
      assert.strictEqual<unknown>(
        yield* Effect.flip(supervisor.startChild(puppets.spec({ id: "a" }))),
        "a does not start"
      )
      assert.strictEqual(supervisor.countChildren().specs, 0)
      yield* supervisor.startChild(puppets.spec({ id: "a" }))
    })
  )

  it.effect("keeps nothing of a child without anything to run", () =>
    Effect.gen(function* () {
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      const ignored = ChildSpec.process({ id: "a", start: Effect.succeed(undefined) })
      assert.isUndefined(yield* supervisor.startChild(ignored))
      assert.strictEqual(supervisor.countChildren().specs, 0)
    })
  )

  it.effect("refuses more than maxChildren, counting those that are being started", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn", maxChildren: 2 })
      const gate = yield* Deferred.make<void>()
      puppets.gateStarts("b", Deferred.await(gate))
      yield* supervisor.startChild(puppets.spec({ id: "a" }))
      const starting = yield* Effect.forkChild(supervisor.startChild(puppets.spec({ id: "b" })), {
        startImmediately: true
      })
      const full = new MaxChildrenReached({ supervisor: "dyn", limit: 2 })
      assert.deepStrictEqual(yield* Effect.flip(supervisor.startChild(puppets.spec({ id: "c" }))), full)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(starting)
      yield* supervisor.terminateChild("a")
      yield* supervisor.startChild(puppets.spec({ id: "c" }))
    })
  )

  it.effect("does not wait for another child that is slow to start", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      puppets.gateStarts("slow", Effect.never)
      yield* Effect.forkChild(supervisor.startChild(puppets.spec({ id: "slow" })), { startImmediately: true })
      yield* supervisor.startChild(puppets.spec({ id: "a" }))
      assert.deepStrictEqual(supervisor.countChildren(), { specs: 2, active: 1, supervisors: 0, workers: 2 })
    })
  )

  it.effect("gives the extra arguments to a spec that asks for them", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start<never, string>({ id: "dyn", extraArguments: "extra" })
      yield* supervisor.startChild((extra) => puppets.spec({ id: `${extra}-1` }))
      assert.strictEqual(puppets.take(), "+extra-1")
    })
  )

  it.effect("is given up when its caller is interrupted", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      puppets.gateStarts("slow", Effect.never)
      const starting = yield* Effect.forkChild(supervisor.startChild(puppets.spec({ id: "slow" })), {
        startImmediately: true
      })
      yield* Fiber.interrupt(starting)
      assert.strictEqual(supervisor.countChildren().specs, 0)
    })
  )
})

describe("terminateChild", () => {
  it.effect("stops a child and forgets it", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      yield* supervisor.startChild(puppets.spec({ id: "a" }))
      yield* supervisor.terminateChild("a")
      assert.strictEqual(puppets.take(), "+a -a")
      assert.deepStrictEqual(
        yield* Effect.flip(supervisor.terminateChild("a")),
        new ChildNotFound(about("a"))
      )
    })
  )

  it.effect("is waited for by all who ask for it", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      yield* supervisor.startChild(puppets.spec({ id: "a", shutdown: "3 seconds" }))
      puppets.process("a").isStubborn = true
      const first = yield* Effect.forkChild(supervisor.terminateChild("a"), { startImmediately: true })
      const second = yield* Effect.forkChild(supervisor.terminateChild("a"), { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(second)
      assert.strictEqual(supervisor.countChildren().specs, 0)
      assert.strictEqual(puppets.open, 0)
    })
  )

  it.effect("calls off a start, whose caller is told", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      puppets.gateStarts("slow", Effect.never)
      const starting = yield* Effect.forkChild(
        Effect.flip(supervisor.startChild(puppets.spec({ id: "slow" }))),
        { startImmediately: true }
      )
      yield* supervisor.terminateChild("slow")
      assert.deepStrictEqual(yield* Fiber.join(starting), new SupervisorStopped({ supervisor: "dyn" }))
    })
  )
})

describe("the exit of a child", () => {
  it.effect("is followed by a restart, or by its being forgotten", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({
        id: "dyn",
        intensity: { maxRestarts: 100, within: "5 seconds" }
      })
      for (const restart of ["permanent", "transient", "temporary"] as const) {
        yield* supervisor.startChild(puppets.spec({ id: restart, restart }))
      }
      puppets.take()
      for (const name of ["permanent", "transient", "temporary"]) puppets.end(name)
      puppets.end("permanent", Exit.void)
      puppets.end("transient", Exit.void)
      assert.strictEqual(
        puppets.take(),
        "~permanent +permanent ~transient +transient ~temporary ~permanent +permanent ~transient"
      )
      assert.deepStrictEqual(
        supervisor.whichChildren().map(({ id }) => id),
        ["permanent"]
      )
      assert.strictEqual(supervisor.snapshotChildren({})[0]!.restarts, 2)
    })
  )

  it.effect("once too often ends the supervisor, and all its children", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      for (const id of ["a", "b"]) yield* supervisor.startChild(puppets.spec({ id }))
      puppets.end("a")
      puppets.end("b")
      const exit = yield* awaitExit(supervisor)
      assert.deepStrictEqual(
        exit,
        Exit.fail(
          new RestartIntensityExceeded({ supervisor: "dyn", child: "b", maxRestarts: 1, withinMs: 5000 })
        )
      )
      assert.strictEqual(puppets.take(), "+a +b ~a +a ~b -a")
    })
  )

  it.effect("counts for the child alone, where each has its own intensity", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({
        id: "dyn",
        intensity: { maxRestarts: 2, within: "1 minute", per: "child" }
      })
      for (const id of ["good", "poison"]) yield* supervisor.startChild(puppets.spec({ id }))
      puppets.failStarts("poison", 100)
      puppets.end("poison")
      yield* until(() => supervisor.countChildren().specs === 1)
      for (let round = 0; round < 2; round++) puppets.end("good")
      assert.strictEqual(supervisor.inspect().state, "running")
      assert.strictEqual(puppets.take(), "+good +poison ~poison !poison !poison ~good +good ~good +good")
    })
  )

  it.effect("is followed by a wait, where there is a backoff, which the end cuts short", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({
        id: "dyn",
        intensity: { maxRestarts: 5, within: "5 seconds" },
        backoff: { initial: "1 second", max: "10 seconds" }
      })
      yield* supervisor.startChild(puppets.spec({ id: "a" }))
      puppets.end("a")
      assert.strictEqual(supervisor.whichChildren()[0]!.state, "restarting")
      yield* TestClock.adjust("1 second")
      puppets.end("a")
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(puppets.take(), "+a ~a +a ~a")
      yield* TestClock.adjust("1 millis")
      puppets.end("a")
      yield* stop(supervisor)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(puppets.take(), "+a ~a")
    })
  )

  it.effect("during its stop is not followed by a restart", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      yield* supervisor.startChild(puppets.spec({ id: "a" }))
      puppets.process("a").isStubborn = true
      const stopping = yield* Effect.forkChild(supervisor.terminateChild("a"), { startImmediately: true })
      puppets.end("a")
      yield* Fiber.join(stopping)
      assert.strictEqual(puppets.take(), "+a ~a")
    })
  )
})

describe("the end of the supervisor", () => {
  it.effect("stops all children at the same time, each within its own time", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      for (const seconds of [1, 2, 3]) {
        yield* supervisor.startChild(puppets.spec({ id: `${seconds}`, shutdown: `${seconds} seconds` }))
        puppets.process(`${seconds}`).isStubborn = true
      }
      const stopping = yield* Effect.forkChild(stop(supervisor), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(puppets.names(), ["3"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(exitReason(yield* Fiber.join(stopping)), "shutdown")
    })
  )

  it.effect("calls off the starts, and refuses more", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      puppets.gateStarts("slow", Effect.never)
      const starting = yield* Effect.forkChild(
        Effect.flip(supervisor.startChild(puppets.spec({ id: "slow" }))),
        { startImmediately: true }
      )
      yield* stop(supervisor)
      const stopped = new SupervisorStopped({ supervisor: "dyn" })
      assert.deepStrictEqual(yield* Fiber.join(starting), stopped)
      assert.deepStrictEqual(yield* Effect.flip(supervisor.startChild(puppets.spec({ id: "a" }))), stopped)
    })
  )

  it.effect("can be asked for by a child that is being started", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      const suicidal = puppets.spec({ id: "a" })
      puppets.gateStarts(
        "a",
        Effect.sync(() => supervisor.shutdown())
      )
      const exit = yield* Effect.exit(supervisor.startChild(suicidal))
      yield* awaitExit(supervisor)
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(puppets.take(), "+a -a")
    })
  )

  it.effect("waits for the release of a child that has just ended", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      const process = yield* supervisor.startChild(
        ChildSpec.workerWith({
          id: "a",
          init: Effect.addFinalizer(() => Deferred.await(gate)),
          run: () => Effect.never
        })
      )
      process?.kill()
      supervisor.shutdown()
      yield* Effect.yieldNow
      assert.isUndefined(supervisor.pollExit())
      yield* Deferred.succeed(gate, undefined)
      yield* awaitExit(supervisor)
    })
  )

  it.effect("by a kill waits for nobody", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      yield* supervisor.startChild(puppets.spec({ id: "a", shutdown: "infinity" }))
      puppets.process("a").isStubborn = true
      supervisor.shutdown()
      yield* Effect.yieldNow
      assert.isUndefined(supervisor.pollExit())
      supervisor.kill()
      assert.strictEqual(exitReason(supervisor.pollExit()!), "killed")
      assert.strictEqual(puppets.open, 0)
    })
  )

  it.effect("comes with that of its parent, and a restart begins with no children", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const top = yield* Supervisor.start({ id: "top", children: [ChildSpec.dynamic({ id: "dyn" })] })
      const before = top.child("dyn") as DynamicSupervisor.DynamicSupervisor
      yield* before.startChild(puppets.spec({ id: "a" }))
      before.kill()
      yield* until(() => top.child("dyn") !== before && top.child("dyn") !== undefined)
      assert.strictEqual(puppets.take(), "+a ~a")
      assert.strictEqual((top.child("dyn") as DynamicSupervisor.DynamicSupervisor).countChildren().specs, 0)
    })
  )
})

describe("very many children", () => {
  it.effect("are started, found, stopped one by one and all together", () =>
    Effect.gen(function* () {
      const supervisor = yield* DynamicSupervisor.start({ id: "dyn" })
      const spec = (index: number) =>
        ChildSpec.actor({ id: `${index}`, init: () => 0, handle: (_: "message", state: number) => state })
      const count = 20_000
      for (let index = 0; index < count; index++) yield* supervisor.startChild(spec(index))
      assert.deepStrictEqual(supervisor.countChildren(), {
        specs: count,
        active: count,
        supervisors: 0,
        workers: count
      })
      assert.strictEqual(supervisor.child("12345")?.id, "12345")
      for (let index = 0; index < count; index += 2) yield* supervisor.terminateChild(`${index}`)
      assert.strictEqual(supervisor.countChildren().specs, count / 2)
      yield* stop(supervisor)
      assert.strictEqual(supervisor.countChildren().specs, 0)
    })
  )
})
