import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import {
  AutoShutdown,
  exitReason,
  RestartIntensityExceeded,
  Shutdown
} from "../../src/actors/process/ExitReason.ts"
import { awaitExit } from "../../src/actors/process/Process.ts"
import * as ChildSpec from "../../src/supervisors/ChildSpec.ts"
import type { Strategy } from "../../src/supervisors/RestartStrategy.ts"
import * as Supervisor from "../../src/supervisors/Supervisor.ts"
import { ChildStartFailed, InvalidSupervisorSpec } from "../../src/supervisors/SupervisorErrors.ts"
import { crash, Puppets } from "./support/Puppets.ts"
import { until } from "./support/Settle.ts"

const often = { maxRestarts: 100, within: "5 seconds" } as const

const three = (puppets: Puppets, options: Partial<ChildSpec.ChildOptions> = {}) =>
  ["a", "b", "c"].map((id) => puppets.spec({ ...options, id }))

/** The states of the children, such as `a:running b:stopped`. */
const states = (supervisor: Supervisor.Supervisor): string =>
  supervisor
    .whichChildren()
    .map((child) => `${child.id}:${child.state}`)
    .join(" ")

describe("starting", () => {
  it.effect("goes in order, and the end in reverse", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const supervisor = yield* Supervisor.start({ id: "sup", children: three(puppets) })
          assert.strictEqual(puppets.take(), "+a +b +c")
          assert.strictEqual(states(supervisor), "a:running b:running c:running")
        })
      )
      assert.strictEqual(puppets.take(), "-c -b -a")
    })
  )

  it.effect("fails when a child does, after stopping those that had started", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      puppets.failStarts("c", 1)
      const failure = yield* Effect.flip(Supervisor.start({ id: "sup", children: three(puppets) }))
      assert.deepStrictEqual(
        failure,
        new ChildStartFailed({ supervisor: "sup", child: "c", cause: "c does not start" })
      )
      assert.strictEqual(puppets.take(), "+a +b !c -b -a")
    })
  )

  it.effect("fails through the levels of a tree, telling the path", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      puppets.failStarts("b", 1)
      const failure = yield* Effect.flip(
        Supervisor.start({
          id: "top",
          children: [
            puppets.spec({ id: "before" }),
            ChildSpec.supervisor({ id: "inner", children: three(puppets) })
          ]
        })
      )
      assert.instanceOf(failure, ChildStartFailed)
      assert.strictEqual(failure.child, "inner")
      assert.deepInclude(failure.cause, { supervisor: "top/inner", child: "b" })
      assert.strictEqual(puppets.take(), "+before +a !b -a -before")
    })
  )

  it.effect("takes a child with nothing to run as a stopped one, and drops it if it is temporary", () =>
    Effect.gen(function* () {
      let released = 0
      const ignore = Effect.as(
        Effect.addFinalizer(() => Effect.sync(() => void released++)),
        undefined
      )
      const supervisor = yield* Supervisor.start({
        id: "sup",
        children: [
          ChildSpec.process({ id: "kept", start: ignore }),
          ChildSpec.process({ id: "dropped", restart: "temporary", start: ignore })
        ]
      })
      assert.strictEqual(states(supervisor), "kept:stopped")
      assert.strictEqual(released, 2)
    })
  )

  it.effect("that is interrupted stops what had started", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      puppets.gateStarts("c", Effect.never)
      const starting = yield* Effect.forkChild(
        Effect.scoped(Supervisor.start({ id: "sup", children: three(puppets) })),
        { startImmediately: true }
      )
      assert.strictEqual(puppets.take(), "+a +b")
      yield* Fiber.interrupt(starting)
      assert.strictEqual(puppets.take(), "-b -a")
    })
  )

  it.effect(
    "that is interrupted waits for the child being started to clean up, and then stops the others",
    () =>
      Effect.gen(function* () {
        const puppets = new Puppets()
        const halfStarted = Effect.andThen(
          Effect.addFinalizer(() =>
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => void puppets.log.push("cleaned up"))
            )
          ),
          Effect.never
        )
        const starting = yield* Effect.forkChild(
          Effect.scoped(
            Supervisor.start({
              id: "sup",
              children: [puppets.spec({ id: "a" }), ChildSpec.process({ id: "b", start: halfStarted })]
            })
          ),
          { startImmediately: true }
        )
        yield* Fiber.interrupt(starting)
        assert.strictEqual(puppets.take(), "+a cleaned up -a")
      })
  )

  const invalid = (spec: Partial<Supervisor.SupervisorSpec>) =>
    Effect.flip(Supervisor.start({ id: "sup", children: [], ...spec }))

  it.effect("refuses what contradicts itself, before it starts anything", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const child = (options: Partial<ChildSpec.ChildOptions>) => puppets.spec({ id: "a", ...options })
      const reasons = [
        yield* invalid({ children: [child({}), child({})] }),
        yield* invalid({ children: [child({ id: "" })] }),
        yield* invalid({ children: [child({ significant: true, restart: "transient" })] }),
        yield* invalid({ autoShutdown: "any_significant", children: [child({ significant: true })] })
      ]
      for (const reason of reasons) assert.instanceOf(reason, InvalidSupervisorSpec)
      assert.strictEqual(puppets.take(), "")
    })
  )
})

describe("a restart", () => {
  const afterCrash = (strategy: Strategy, ended: ReadonlyArray<string>, exit = crash()) =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        strategy,
        intensity: often,
        children: three(puppets)
      })
      puppets.take()
      for (const name of ended) puppets.end(name, exit)
      yield* until(() => supervisor.inspect().mailboxDepth === 0)
      return { log: puppets.take(), states: states(supervisor) }
    })

  it.effect("one_for_one concerns the child alone", () =>
    Effect.gen(function* () {
      const { log, states } = yield* afterCrash("one_for_one", ["b"])
      assert.strictEqual(log, "~b +b")
      assert.strictEqual(states, "a:running b:running c:running")
    })
  )

  it.effect("one_for_all stops the others in reverse and starts all in order", () =>
    Effect.gen(function* () {
      const { log } = yield* afterCrash("one_for_all", ["b"])
      assert.strictEqual(log, "~b -c -a +a +b +c")
    })
  )

  it.effect("rest_for_one leaves those alone that started before", () =>
    Effect.gen(function* () {
      const { log } = yield* afterCrash("rest_for_one", ["b"])
      assert.strictEqual(log, "~b -c +b +c")
    })
  )

  it.effect("absorbs an exit of a sibling that comes at the same time", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* afterCrash("one_for_all", ["b", "c"])).log, "~b ~c -a +a +b +c")
      assert.strictEqual((yield* afterCrash("rest_for_one", ["c", "a"])).log, "~c +c ~a -c -b +a +b +c")
      assert.strictEqual((yield* afterCrash("one_for_one", ["c", "a"])).log, "~c +c ~a +a")
    })
  )

  it.effect("takes a child down to its scope before it starts it again", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const boom = yield* Deferred.make<void>()
      let incarnation = 0
      const supervisor = yield* Supervisor.start({
        id: "sup",
        children: [
          ChildSpec.workerWith({
            id: "worker",
            init: Effect.gen(function* () {
              const number = ++incarnation
              log.push(`acquire ${number}`)
              yield* Effect.addFinalizer(() =>
                Effect.andThen(
                  Effect.yieldNow,
                  Effect.sync(() => void log.push(`release ${number}`))
                )
              )
              return number
            }),
            run: (number) =>
              number === 1 ? Effect.andThen(Deferred.await(boom), Effect.die("boom")) : Effect.never
          })
        ]
      })
      yield* Deferred.succeed(boom, undefined)
      yield* until(() => log.length === 3)
      assert.deepStrictEqual(log, ["acquire 1", "release 1", "acquire 2"])
      assert.strictEqual(states(supervisor), "worker:running")
    })
  )

  it.effect("follows the restart type of the child", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        intensity: often,
        children: [
          puppets.spec({ id: "p", restart: "permanent" }),
          puppets.spec({ id: "t", restart: "transient" }),
          puppets.spec({ id: "x", restart: "temporary" })
        ]
      })
      puppets.take()
      const end = (name: string, exit: Exit.Exit<unknown, unknown>) =>
        Effect.andThen(
          Effect.sync(() => puppets.end(name, exit)),
          until(() => supervisor.inspect().mailboxDepth === 0)
        )
      yield* end("p", Exit.void)
      yield* end("t", crash())
      yield* end("t", Exit.fail(new Shutdown({ reason: "done" })))
      yield* end("x", crash())
      assert.strictEqual(puppets.take(), "~p +p ~t +t ~t ~x")
      assert.strictEqual(states(supervisor), "p:running t:stopped")
    })
  )

  it.effect("of a group starts a transient sibling that had ended, and forgets a temporary one", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        strategy: "one_for_all",
        intensity: often,
        children: [
          puppets.spec({ id: "a" }),
          puppets.spec({ id: "t", restart: "transient" }),
          puppets.spec({ id: "x", restart: "temporary" })
        ]
      })
      puppets.end("t", Exit.void)
      yield* until(() => states(supervisor).includes("t:stopped"))
      puppets.take()
      puppets.end("a")
      yield* until(() => states(supervisor) === "a:running t:running")
      assert.strictEqual(puppets.take(), "~a -x +a +t")
    })
  )

  it.effect("that fails to start is tried again, by the strategy, and each try counts", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        strategy: "rest_for_one",
        intensity: { maxRestarts: 4, within: "5 seconds" },
        children: three(puppets)
      })
      puppets.take()
      puppets.failStarts("b", 2)
      puppets.failStarts("c", 1)
      puppets.end("a")
      yield* until(() => puppets.log.length === 9)
      assert.strictEqual(puppets.take(), "~a -c -b +a !b !b +b !c +c")
      assert.strictEqual(states(supervisor), "a:running b:running c:running")
      puppets.end("a")
      assert.deepStrictEqual(
        yield* awaitExit(supervisor),
        Exit.fail(
          new RestartIntensityExceeded({ supervisor: "sup", child: "a", maxRestarts: 4, withinMs: 5000 })
        )
      )
    })
  )

  it.effect("of a supervisor restarts its whole subtree", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const top = yield* Supervisor.start({
        id: "top",
        intensity: often,
        children: [ChildSpec.supervisor({ id: "inner", children: three(puppets) })]
      })
      puppets.take()
      puppets.end("b")
      yield* until(() => puppets.log.length === 2)
      puppets.end("b")
      yield* until(() => puppets.names().length === 3 && puppets.log.length === 8)
      assert.strictEqual(puppets.take(), "~b +b ~b -c -a +a +b +c")
      const inner = top.snapshot().children![0]!
      assert.strictEqual(inner.restarts, 1)
      assert.match(inner.lastExit!, /^shutdown: RestartIntensityExceeded/)
    })
  )
})

describe("restart intensity", () => {
  it.effect("ends the supervisor in order with a typed reason, when it is exceeded", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({ id: "sup", children: three(puppets) })
      puppets.take()
      puppets.end("b")
      yield* until(() => puppets.log.length === 2)
      yield* TestClock.adjust("5 seconds")
      puppets.end("b")
      const exit = yield* awaitExit(supervisor)
      assert.deepStrictEqual(
        exit,
        Exit.fail(
          new RestartIntensityExceeded({ supervisor: "sup", child: "b", maxRestarts: 1, withinMs: 5000 })
        )
      )
      assert.strictEqual(exitReason(exit), "shutdown")
      assert.strictEqual(puppets.take(), "~b +b ~b -c -a")
      assert.strictEqual(supervisor.snapshot().state, "stopped")
    })
  )

  it.effect("forgives what is longer ago than its window", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({ id: "sup", children: three(puppets) })
      for (let round = 0; round < 5; round++) {
        puppets.end("b")
        yield* until(() => puppets.names().length === 3)
        yield* TestClock.adjust("5001 millis")
      }
      assert.strictEqual(states(supervisor), "a:running b:running c:running")
      assert.strictEqual(supervisor.snapshot().children![1]!.restarts, 5)
    })
  )

  it.effect("exceeded by a transient supervisor is not its parent's business, as in OTP", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const top = yield* Supervisor.start({
        id: "top",
        children: [
          ChildSpec.supervisor({
            id: "inner",
            restart: "transient",
            intensity: { maxRestarts: 0, within: 1 },
            children: three(puppets)
          })
        ]
      })
      puppets.end("a")
      yield* until(() => states(top) === "inner:stopped")
      assert.strictEqual(puppets.open, 0)
    })
  )
})

describe("backoff", () => {
  it.effect("waits before a restart, longer each time, off the clock of the intensity", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        intensity: { maxRestarts: 3, within: "5 seconds" },
        backoff: { initial: "10 seconds", max: "1 minute" },
        children: three(puppets)
      })
      puppets.take()
      for (const seconds of [10, 20, 40]) {
        puppets.end("b")
        yield* until(() => states(supervisor).includes("b:restarting"))
        yield* TestClock.adjust(`${seconds * 1000 - 1} millis`)
        assert.strictEqual(states(supervisor), "a:running b:restarting c:running")
        yield* TestClock.adjust("1 millis")
        yield* until(() => states(supervisor).includes("b:running"))
      }
      assert.strictEqual(puppets.take(), "~b +b ~b +b ~b +b")
      puppets.end("b")
      assert.strictEqual(exitReason(yield* awaitExit(supervisor)), "shutdown")
    })
  )

  it.effect("takes the group down at once, and starts it after the wait", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* Supervisor.start({
        id: "sup",
        strategy: "one_for_all",
        intensity: often,
        backoff: { initial: "1 second", max: "1 second" },
        children: three(puppets)
      })
      puppets.take()
      puppets.end("a")
      yield* until(() => puppets.log.length === 3)
      assert.strictEqual(states(supervisor), "a:restarting b:stopped c:stopped")
      yield* TestClock.adjust("1 second")
      yield* until(() => puppets.log.length === 6)
      assert.strictEqual(puppets.take(), "~a -c -b +a +b +c")
    })
  )

  it.effect("is cut short by the end of the supervisor", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const scope = yield* Scope.make()
      const supervisor = yield* Scope.provide(
        Supervisor.start({
          id: "sup",
          backoff: { initial: "1 hour", max: "1 hour" },
          children: three(puppets)
        }),
        scope
      )
      puppets.take()
      puppets.end("b")
      yield* until(() => states(supervisor).includes("b:restarting"))
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(puppets.take(), "~b -c -a")
    })
  )
})

describe("autoShutdown", () => {
  const start = (puppets: Puppets, autoShutdown: "any_significant" | "all_significant") =>
    Supervisor.start({
      id: "sup",
      intensity: often,
      autoShutdown,
      children: [
        puppets.spec({ id: "a" }),
        puppets.spec({ id: "s1", restart: "transient", significant: true }),
        puppets.spec({ id: "s2", restart: "temporary", significant: true })
      ]
    })

  it.effect("any_significant ends with the first significant child that ends for good", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* start(puppets, "any_significant")
      puppets.take()
      puppets.end("s1")
      yield* until(() => puppets.log.length === 2)
      puppets.end("s1", Exit.void)
      assert.deepStrictEqual(
        yield* awaitExit(supervisor),
        Exit.fail(new AutoShutdown({ supervisor: "sup", child: "s1" }))
      )
      assert.strictEqual(puppets.take(), "~s1 +s1 ~s1 -s2 -a")
    })
  )

  it.effect("all_significant ends with the last of them", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* start(puppets, "all_significant")
      puppets.end("s2")
      yield* until(() => states(supervisor) === "a:running s1:running")
      puppets.end("s1", Exit.void)
      assert.strictEqual(exitReason(yield* awaitExit(supervisor)), "shutdown")
    })
  )

  it.effect("does not answer to a child that the supervisor stopped itself", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* start(puppets, "any_significant")
      yield* supervisor.terminateChild("s1")
      assert.strictEqual(supervisor.inspect().state, "running")
    })
  )
})

describe("launch", () => {
  it.effect("fails with what made the root give up, after an orderly stop", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const running = yield* Effect.forkChild(
        Effect.flip(
          Supervisor.launch({
            id: "root",
            intensity: { maxRestarts: 0, within: 1 },
            children: three(puppets)
          })
        ),
        { startImmediately: true }
      )
      puppets.take()
      puppets.end("b")
      assert.instanceOf(yield* Fiber.join(running), RestartIntensityExceeded)
      assert.strictEqual(puppets.take(), "~b -c -a")
    })
  )

  it.effect("takes interruption as a request to stop in order", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const running = yield* Effect.forkChild(Supervisor.launch({ id: "root", children: three(puppets) }), {
        startImmediately: true
      })
      puppets.take()
      yield* Fiber.interrupt(running)
      assert.strictEqual(puppets.take(), "-c -b -a")
    })
  )

  it.effect("succeeds when the root was shut down, or shut itself down", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      yield* Supervisor.launch({ id: "root", children: three(puppets) }, (root) =>
        Effect.sync(() => root.shutdown())
      )
      assert.strictEqual(puppets.take(), "+a +b +c -c -b -a")
      yield* Supervisor.launch(
        {
          id: "root",
          autoShutdown: "any_significant",
          children: [puppets.spec({ id: "job", restart: "transient", significant: true })]
        },
        () => Effect.sync(() => puppets.end("job", Exit.void))
      )
      assert.strictEqual(puppets.take(), "+job ~job")
    })
  )
})
