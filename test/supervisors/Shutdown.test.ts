import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { exitReason } from "../../src/actors/process/ExitReason.ts"
import { awaitExit, stop } from "../../src/actors/process/Process.ts"
import * as ChildSpec from "../../src/supervisors/ChildSpec.ts"
import * as Supervisor from "../../src/supervisors/Supervisor.ts"
import { Puppets } from "./support/Puppets.ts"
import { until } from "./support/Settle.ts"

// The TestClock's own warning about unmoved time is interruptible, and would end a sleep in an interrupted fiber's last
// step. Moving the clock first calls the warning off.
const noWarning = TestClock.adjust(0)

/** A worker whose last step takes its time. */
const slowToStop = (log: Array<string>, options: ChildSpec.ChildOptions, lastStep: Effect.Effect<void>) =>
  ChildSpec.worker({
    ...options,
    run: Effect.ensuring(
      Effect.never,
      Effect.andThen(
        lastStep,
        Effect.sync(() => void log.push(`${options.id} stopped`))
      )
    )
  })

describe("shutdown", () => {
  it.effect("waits for a child as long as its spec says, and then goes on without it", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        children: [
          puppets.spec({ id: "first" }),
          slowToStop(log, { id: "quick", shutdown: "5 seconds" }, Effect.sleep("4 seconds")),
          slowToStop(log, { id: "slow", shutdown: "2 seconds" }, Effect.sleep("1 hour"))
        ]
      })
      yield* noWarning
      const stopping = yield* Effect.forkChild(stop(supervisor), { startImmediately: true })
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(
        supervisor.whichChildren().map(({ state }) => state),
        ["running", "running", "stopping"]
      )
      yield* TestClock.adjust("1 millis")
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(exitReason(yield* Fiber.join(stopping)), "shutdown")
      assert.deepStrictEqual(log, ["quick stopped"])
      assert.strictEqual(supervisor.snapshot().children![2]!.lastExit, "killed")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(log, ["quick stopped", "slow stopped"])
    })
  )

  it.effect("includes the finalizers of the child's scope in its time", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        children: [
          puppets.spec({ id: "first" }),
          ChildSpec.workerWith({
            id: "worker",
            shutdown: "2 seconds",
            init: Effect.addFinalizer(() => Effect.never),
            run: () => Effect.never
          })
        ]
      })
      const stopping = yield* Effect.forkChild(stop(supervisor), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(stopping)
      assert.strictEqual(puppets.take(), "+first -first")
    })
  )

  it.effect("infinity waits as long as it takes", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const supervisor = yield* Supervisor.start({
        id: "sup",
        children: [slowToStop(log, { id: "slow", shutdown: "infinity" }, Effect.sleep("1 hour"))]
      })
      yield* noWarning
      const stopping = yield* Effect.forkChild(stop(supervisor), { startImmediately: true })
      yield* TestClock.adjust("59 minutes")
      assert.isUndefined(stopping.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(log, ["slow stopped"])
    })
  )

  it.effect("brutal_kill does not wait, and still runs the finalizers", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const supervisor = yield* Supervisor.start({
        id: "sup",
        children: [slowToStop(log, { id: "slow", shutdown: "brutal_kill" }, Effect.sleep("1 hour"))]
      })
      yield* noWarning
      yield* stop(supervisor)
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(log, ["slow stopped"])
    })
  )

  it.effect("does not wait for a child that is being started: that is cut short", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        children: [puppets.spec({ id: "a" }), puppets.spec({ id: "b" })]
      })
      puppets.gateStarts("b", Effect.never)
      puppets.end("b")
      yield* until(() => supervisor.whichChildren()[1]!.state === "starting")
      yield* stop(supervisor)
      assert.strictEqual(puppets.take(), "+a +b ~b -a")
    })
  )

  it.effect("can be asked for by a child that is being started, and has more to do", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({ id: "sup", children: [puppets.spec({ id: "a" })] })
      const start = Effect.andThen(
        Effect.sync(() => supervisor.shutdown()),
        Effect.never
      )
      yield* Effect.forkChild(Effect.exit(supervisor.startChild(ChildSpec.process({ id: "b", start }))))
      assert.strictEqual(exitReason(yield* awaitExit(supervisor)), "shutdown")
      assert.strictEqual(puppets.take(), "+a -a")
    })
  )

  it.effect("of a child that crashes on the way out goes on with the others", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        children: [
          puppets.spec({ id: "a" }),
          ChildSpec.worker({ id: "b", run: Effect.ensuring(Effect.never, Effect.die("on the way out")) })
        ]
      })
      yield* Effect.yieldNow
      assert.strictEqual(exitReason(yield* stop(supervisor)), "shutdown")
      assert.match(supervisor.snapshot().children![1]!.lastExit!, /^crashed: on the way out/)
      assert.strictEqual(puppets.take(), "+a -a")
    })
  )
})

describe("kill", () => {
  it.effect("of a supervisor leaves no orphans: its children are killed, all the way down", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "top",
        children: [
          puppets.spec({ id: "a" }),
          ChildSpec.supervisor({
            id: "inner",
            children: [puppets.spec({ id: "b" }), puppets.spec({ id: "c" })]
          })
        ]
      })
      for (const name of ["a", "b"]) puppets.process(name).isStubborn = true
      supervisor.kill()
      assert.strictEqual(exitReason(yield* awaitExit(supervisor)), "killed")
      assert.deepStrictEqual(puppets.names(), [])
      assert.strictEqual(puppets.open, 0)
    })
  )

  it.effect("ends a shutdown that does not come to an end", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "top",
        children: [
          ChildSpec.supervisor({ id: "inner", children: [puppets.spec({ id: "b", shutdown: "infinity" })] })
        ]
      })
      puppets.process("b").isStubborn = true
      supervisor.shutdown()
      yield* Effect.yieldNow
      assert.isUndefined(supervisor.pollExit())
      supervisor.kill()
      yield* awaitExit(supervisor)
      assert.strictEqual(puppets.open, 0)
    })
  )

  it.effect("comes from a parent whose patience with a supervisor has ended", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "top",
        children: [
          ChildSpec.supervisor({
            id: "inner",
            shutdown: "3 seconds",
            children: [puppets.spec({ id: "b", shutdown: "infinity" })]
          })
        ]
      })
      puppets.process("b").isStubborn = true
      const stopping = yield* Effect.forkChild(stop(supervisor), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(stopping)
      assert.strictEqual(puppets.open, 0)
    })
  )
})
