import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Actor from "../../../src/actors/process/Actor.ts"
import type { ReplyTo } from "../../../src/actors/process/ReplyTo.ts"
import * as Registry from "../../../src/actors/registry/Registry.ts"
import * as Supervisor from "../../../src/supervisors/Supervisor.ts"

const valueOf = (id: string, kind: string) =>
  Effect.map(Metric.snapshot, (snapshots) => {
    const found = snapshots.find((snapshot) => snapshot.id === id && snapshot.attributes?.kind === kind)
    if (found?.type === "Counter") return Number(found.state.count)
    return found?.type === "Gauge" ? Number(found.state.value) : undefined
  })

/** Runs an effect whose metrics are seen by nobody else. */
const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

const silent = { init: () => undefined, handle: (_: ReplyTo<never>) => undefined }

describe("the metrics of actors", () => {
  it.effect("count full mailboxes and unanswered calls by kind", () =>
    Effect.gen(function* () {
      const actors = yield* Effect.forEach(["a", "b"], (id) =>
        Actor.start({ id, kind: "silent", capacity: 0, ...silent })
      )
      for (const actor of actors) yield* Effect.flip(actor.call<never>((replyTo) => replyTo))
      assert.strictEqual(yield* valueOf("actor_mailbox_full_total", "silent"), 2)

      const open = yield* Actor.start({ id: "c", kind: "silent", ...silent })
      const calling = yield* Effect.forkChild(Effect.flip(open.call<never>((replyTo) => replyTo)))
      yield* Effect.yieldNow
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(calling)
      assert.strictEqual(yield* valueOf("actor_call_timeouts_total", "silent"), 1)
    }).pipe(alone)
  )

  it.effect("show the size of a registry while it runs", () =>
    Effect.gen(function* () {
      const registry = Registry.make({ id: "rooms", behaviour: () => silent })
      const scope = yield* Scope.make()
      yield* Scope.provide(Supervisor.start({ id: "sup", children: [registry.childSpec] }), scope)
      for (const key of ["a", "b", "c"]) yield* registry.get(key)
      assert.strictEqual(yield* valueOf("actor_registry_size", "rooms"), 3)
      yield* registry.stop("a")
      assert.strictEqual(yield* valueOf("actor_registry_size", "rooms"), 2)
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined(yield* valueOf("actor_registry_size", "rooms"))
    }).pipe(alone)
  )
})

describe("an idle actor", () => {
  it.live("weighs less than 3 KB, with all that knows of it", () =>
    Effect.gen(function* () {
      setFlagsFromString("--expose-gc")
      const collect: () => void = runInNewContext("gc")
      const count = 10_000
      const registry = Registry.make({
        id: "rooms",
        idleTimeout: "1 hour",
        behaviour: () => ({
          init: () =>
            Effect.as(
              Effect.addFinalizer(() => Effect.void),
              0
            ),
          handle: (replyTo: ReplyTo<number>, total: number) =>
            Effect.sync(() => {
              replyTo.succeed(total)
              return total + 1
            })
        })
      })
      yield* Supervisor.start({ id: "sup", children: [registry.childSpec] })
      collect()
      const before = process.memoryUsage().heapUsed
      for (let index = 0; index < count; index++)
        yield* registry.call<number>(`${index}`, (replyTo) => replyTo)
      yield* Effect.sleep(1)
      collect()
      const bytes = (process.memoryUsage().heapUsed - before) / count
      assert.isBelow(bytes, 3000)
    })
  )
})
