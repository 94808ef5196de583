import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { stop } from "../../src/actors/process/Process.ts"
import * as Supervisor from "../../src/supervisors/Supervisor.ts"
import {
  ChildAlreadyPresent,
  ChildAlreadyStarted,
  ChildNotFound,
  ChildRestarting,
  ChildStartFailed,
  InvalidSupervisorSpec,
  SupervisorStopped
} from "../../src/supervisors/SupervisorErrors.ts"
import { Puppets } from "./support/Puppets.ts"
import { until } from "./support/Settle.ts"

const withThree = Effect.gen(function* () {
  const puppets = new Puppets()
  const supervisor = yield* Supervisor.start({
    id: "sup",
    intensity: { maxRestarts: 100, within: "5 seconds" },
    backoff: { initial: "1 second", max: "1 second" },
    children: [
      puppets.spec({ id: "a" }),
      puppets.spec({ id: "b" }),
      puppets.spec({ id: "x", restart: "temporary" })
    ]
  })
  puppets.take()
  return { puppets, supervisor }
})

const about = (child: string) => ({ supervisor: "sup", child })

describe("startChild", () => {
  it.effect("adds the last child, which stops first", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      const process = yield* supervisor.startChild(puppets.spec({ id: "d" }))
      assert.strictEqual(process?.id, "d")
      yield* stop(supervisor)
      assert.strictEqual(puppets.take(), "+d -d -x -b -a")
    })
  )

  it.effect("refuses an id that is there, running or not", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      const again = supervisor.startChild(puppets.spec({ id: "a" }))
      assert.deepStrictEqual(yield* Effect.flip(again), new ChildAlreadyStarted(about("a")))
      yield* supervisor.terminateChild("a")
      assert.deepStrictEqual(yield* Effect.flip(again), new ChildAlreadyPresent(about("a")))
    })
  )

  it.effect("fails as the child does, which is not kept", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      puppets.failStarts("d", 1)
      const failure: string | object = yield* Effect.flip(supervisor.startChild(puppets.spec({ id: "d" })))
      assert.strictEqual(failure, "d does not start")
      assert.strictEqual(supervisor.countChildren().specs, 3)
    })
  )

  it.effect("refuses a child that contradicts the supervisor", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      const spec = puppets.spec({ id: "d", restart: "transient", significant: true })
      assert.instanceOf(yield* Effect.flip(supervisor.startChild(spec)), InvalidSupervisorSpec)
    })
  )
})

describe("terminateChild", () => {
  it.effect("stops a child and keeps its spec, unless it is temporary", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      yield* supervisor.terminateChild("a")
      yield* supervisor.terminateChild("x")
      assert.strictEqual(puppets.take(), "-a -x")
      assert.deepStrictEqual(
        supervisor.whichChildren().map(({ id, state }) => `${id}:${state}`),
        ["a:stopped", "b:running"]
      )
      yield* supervisor.terminateChild("a")
      assert.deepStrictEqual(
        yield* Effect.flip(supervisor.terminateChild("x")),
        new ChildNotFound(about("x"))
      )
    })
  )

  it.effect("calls off a restart that waits", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      puppets.end("a")
      yield* until(() => supervisor.whichChildren()[0]!.state === "restarting")
      yield* supervisor.terminateChild("a")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(puppets.take(), "~a")
      assert.strictEqual(supervisor.whichChildren()[0]!.state, "stopped")
    })
  )
})

describe("restartChild", () => {
  it.effect("starts a child that was stopped", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      yield* supervisor.terminateChild("a")
      const process = yield* supervisor.restartChild("a")
      assert.strictEqual(process, supervisor.child("a"))
      assert.strictEqual(puppets.take(), "-a +a")
    })
  )

  it.effect("refuses one that runs, waits for its restart, or is unknown", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      const refusal = (id: string) => Effect.flip(supervisor.restartChild(id))
      assert.deepStrictEqual(yield* refusal("a"), new ChildAlreadyStarted(about("a")))
      assert.deepStrictEqual(yield* refusal("z"), new ChildNotFound(about("z")))
      puppets.end("a")
      yield* until(() => supervisor.whichChildren()[0]!.state === "restarting")
      assert.deepStrictEqual(yield* refusal("a"), new ChildRestarting(about("a")))
    })
  )

  it.effect("that fails leaves the child stopped", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      yield* supervisor.terminateChild("a")
      puppets.failStarts("a", 1)
      assert.deepStrictEqual(
        yield* Effect.flip(supervisor.restartChild("a")),
        new ChildStartFailed({ ...about("a"), cause: "a does not start" })
      )
      assert.strictEqual(supervisor.whichChildren()[0]!.state, "stopped")
    })
  )
})

describe("deleteChild", () => {
  it.effect("forgets a stopped child, and refuses one that is not", () =>
    Effect.gen(function* () {
      const { supervisor } = yield* withThree
      const refusal = (id: string) => Effect.flip(supervisor.deleteChild(id))
      assert.deepStrictEqual(yield* refusal("a"), new ChildAlreadyStarted(about("a")))
      yield* supervisor.terminateChild("a")
      yield* supervisor.deleteChild("a")
      assert.deepStrictEqual(yield* refusal("a"), new ChildNotFound(about("a")))
      assert.deepStrictEqual(supervisor.countChildren(), { specs: 2, active: 2, supervisors: 0, workers: 2 })
    })
  )
})

describe("a request", () => {
  it.effect("to a supervisor that is gone fails, and so does one that waits when it goes", () =>
    Effect.gen(function* () {
      const { puppets, supervisor } = yield* withThree
      puppets.gateStarts("slow", Effect.never)
      const starting = yield* Effect.forkChild(
        Effect.flip(supervisor.startChild(puppets.spec({ id: "slow" }))),
        { startImmediately: true }
      )
      const waiting = yield* Effect.forkChild(Effect.flip(supervisor.deleteChild("a")), {
        startImmediately: true
      })
      yield* until(() => supervisor.whichChildren().length === 4)
      assert.strictEqual(supervisor.snapshot().children![3]!.state, "starting")
      yield* stop(supervisor)
      const stopped = new SupervisorStopped({ supervisor: "sup" })
      assert.deepStrictEqual(yield* Fiber.join(starting), stopped)
      assert.deepStrictEqual(yield* Fiber.join(waiting), stopped)
      assert.deepStrictEqual(yield* Effect.flip(supervisor.terminateChild("a")), stopped)
      assert.strictEqual(puppets.take(), "-x -b -a")
    })
  )
})
