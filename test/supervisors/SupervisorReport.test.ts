import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Metric, References } from "effect"
import { stop } from "../../src/actors/process/Process.ts"
import * as DynamicSupervisor from "../../src/supervisors/DynamicSupervisor.ts"
import * as Supervisor from "../../src/supervisors/Supervisor.ts"
import { crash, Puppets } from "./support/Puppets.ts"
import { until } from "./support/Settle.ts"

interface Line {
  readonly level: string
  readonly message: unknown
  readonly annotations: Record<string, unknown>
}

/** Runs an effect and returns what it logged, at `level` and above. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>, level: "Debug" | "Info") =>
  Effect.gen(function* () {
    const lines: Array<Line> = []
    const logger = Logger.make(({ message, logLevel, fiber }) => {
      const first = Array.isArray(message) ? message[0] : message
      lines.push({
        level: logLevel,
        message: first,
        annotations: fiber.getRef(References.CurrentLogAnnotations)
      })
    })
    yield* effect.pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, level)
    )
    return lines
  })

const lifeOfTwo = Effect.gen(function* () {
  const puppets = new Puppets()
  const supervisor = yield* Supervisor.start({
    id: "sup",
    children: [puppets.spec({ id: "a" }), puppets.spec({ id: "b", restart: "temporary" })]
  })
  puppets.end("a")
  yield* until(() => puppets.names().length === 2)
  puppets.end("b", Exit.void)
  yield* until(() => puppets.names().length === 1)
  yield* stop(supervisor)
})

describe("a report", () => {
  it.effect("is written for each start, end and restart of a child", () =>
    Effect.gen(function* () {
      const lines = yield* logged(Effect.scoped(lifeOfTwo), "Debug")
      assert.deepStrictEqual(
        lines.map(({ level, message, annotations }) => `${level} ${message} ${annotations.child}`),
        [
          "Debug child started a",
          "Debug child started b",
          "Error child terminated a",
          "Warn child restarting a",
          "Debug child started a",
          "Debug child terminated b",
          "Debug child terminated a"
        ]
      )
      assert.deepInclude(lines[2]!.annotations, { supervisor: "sup", exit: "crashed: Error: boom" })
      assert.deepInclude(lines[3]!.annotations, { attempt: 1, delayMs: 0 })
    })
  )

  it.effect("tells only of trouble, where Debug is off", () =>
    Effect.gen(function* () {
      const lines = yield* logged(Effect.scoped(lifeOfTwo), "Info")
      assert.deepStrictEqual(
        lines.map(({ message }) => message),
        ["child terminated", "child restarting"]
      )
    })
  )

  it.effect("tells of a start that failed, of giving up, and of a child left behind", () =>
    Effect.gen(function* () {
      const trouble = Effect.gen(function* () {
        const puppets = new Puppets()
        const supervisor = yield* Supervisor.start({
          id: "sup",
          children: [puppets.spec({ id: "a", shutdown: 1 })]
        })
        puppets.failStarts("a", 1)
        puppets.end("a")
        yield* until(() => supervisor.pollExit() !== undefined)
      })
      const lines = yield* logged(Effect.scoped(trouble), "Info")
      assert.deepStrictEqual(
        lines.map(({ level, message }) => `${level} ${message}`),
        [
          "Error child terminated",
          "Warn child restarting",
          "Error child failed to start",
          "Error reached maximum restart intensity"
        ]
      )
    })
  )
})

describe("the metrics", () => {
  const valueOf = (id: string, attributes: Record<string, string>) =>
    Effect.map(Metric.snapshot, (snapshots) => {
      const found = snapshots.find(
        (snapshot) =>
          snapshot.id === id &&
          Object.entries(attributes).every(([key, value]) => snapshot.attributes?.[key] === value)
      )
      return found?.type === "Counter" ? Number(found.state.count) : 0
    })

  it.effect("count starts, exits and restarts by supervisor and child", () =>
    Effect.gen(function* () {
      yield* lifeOfTwo
      const a = { supervisor: "sup", child: "a" }
      assert.strictEqual(yield* valueOf("supervisor_child_starts_total", a), 2)
      assert.strictEqual(yield* valueOf("supervisor_restarts_total", a), 1)
      assert.strictEqual(yield* valueOf("supervisor_child_exits_total", { ...a, reason: "crashed" }), 1)
      assert.strictEqual(yield* valueOf("supervisor_child_exits_total", { ...a, reason: "shutdown" }), 1)
    }).pipe(Effect.scoped, Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("do not grow with the children of a dynamic supervisor", () =>
    Effect.gen(function* () {
      const puppets = new Puppets()
      const supervisor = yield* DynamicSupervisor.start({
        id: "dyn",
        intensity: { maxRestarts: 9, within: 1 }
      })
      for (const id of ["a", "b", "c"]) {
        yield* supervisor.startChild(puppets.spec({ id }))
        puppets.end(id, crash())
      }
      assert.strictEqual(yield* valueOf("supervisor_child_starts_total", { supervisor: "dyn" }), 6)
      assert.strictEqual(yield* valueOf("supervisor_restarts_total", { supervisor: "dyn" }), 3)
      assert.strictEqual((yield* Metric.snapshot).length, 3)
    }).pipe(Effect.scoped, Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
