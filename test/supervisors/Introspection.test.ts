import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import { stop } from "../../src/actors/process/Process.ts"
import * as ChildSpec from "../../src/supervisors/ChildSpec.ts"
import type { DynamicSupervisor } from "../../src/supervisors/DynamicSupervisor.ts"
import { draw, flatten, lookup, type TreeNode } from "../../src/supervisors/Introspection.ts"
import * as Supervisor from "../../src/supervisors/Supervisor.ts"
import { Puppets } from "./support/Puppets.ts"
import { until } from "./support/Settle.ts"

const tree = Effect.gen(function* () {
  const puppets = new Puppets()
  const latch = yield* Deferred.make<void>()
  const top = yield* Supervisor.start({
    id: "top",
    intensity: { maxRestarts: 5, within: "5 seconds" },
    children: [
      puppets.spec({ id: "worker" }),
      ChildSpec.supervisor({
        id: "inner",
        children: [
          ChildSpec.actor({
            id: "actor",
            init: () => undefined,
            handle: (_: "wait") => Deferred.await(latch)
          }),
          ChildSpec.dynamic({ id: "dynamic" })
        ]
      }),
      puppets.spec({ id: "last" })
    ]
  })
  const dynamic = lookup(top, "inner/dynamic") as DynamicSupervisor
  for (const id of ["a", "b/1", "c"]) yield* dynamic.startChild(puppets.spec({ id }))
  return { puppets, top, latch }
})

const at = (node: TreeNode, path: string): TreeNode => flatten(node).find((other) => other.path === path)!

describe("a snapshot", () => {
  it.effect("shows the whole tree, with what each process is and does", () =>
    Effect.gen(function* () {
      const { puppets, top, latch } = yield* tree
      yield* TestClock.adjust("3 seconds")
      puppets.end("worker")
      yield* until(() => top.snapshot().children![0]!.restarts === 1)
      yield* TestClock.adjust("2 seconds")
      const actor = lookup(top, "inner/actor") as unknown as {
        readonly castUnsafe: (message: "wait") => boolean
      }
      for (let index = 0; index < 4; index++) actor.castUnsafe("wait")
      yield* Effect.yieldNow

      const snapshot = top.snapshot()
      assert.deepStrictEqual(
        flatten(snapshot).map(({ path }) => path),
        [
          "top",
          "top/worker",
          "top/inner",
          "top/inner/actor",
          "top/inner/dynamic",
          "top/inner/dynamic/a",
          "top/inner/dynamic/b/1",
          "top/inner/dynamic/c",
          "top/last"
        ]
      )
      assert.deepStrictEqual(at(snapshot, "top/worker"), {
        id: "worker",
        path: "top/worker",
        type: "worker",
        state: "running",
        restarts: 1,
        uptimeMs: 2000,
        mailboxDepth: undefined,
        lastExit: "crashed: Error: boom",
        childCount: undefined,
        children: undefined
      })
      assert.deepInclude(at(snapshot, "top/inner"), { type: "supervisor", childCount: 2, uptimeMs: 5000 })
      assert.deepInclude(at(snapshot, "top/inner/actor"), { mailboxDepth: 3 })
      yield* Deferred.succeed(latch, undefined)
    })
  )

  it.effect("shows so many children of a dynamic supervisor, and how many there are", () =>
    Effect.gen(function* () {
      const { top } = yield* tree
      const dynamic = at(top.snapshot({ maxDynamicChildren: 2 }), "top/inner/dynamic")
      assert.strictEqual(dynamic.children?.length, 2)
      assert.strictEqual(dynamic.childCount, 3)
    })
  )

  it.effect("of a supervisor that is gone says how it ended", () =>
    Effect.gen(function* () {
      const { top } = yield* tree
      yield* stop(top)
      assert.deepInclude(top.snapshot(), { state: "stopped", lastExit: "shutdown", uptimeMs: undefined })
    })
  )

  it.effect("can be drawn", () =>
    Effect.gen(function* () {
      const { top } = yield* tree
      assert.strictEqual(
        draw(top.snapshot()),
        [
          "top",
          "├─ worker",
          "├─ inner",
          "│  ├─ actor",
          "│  └─ dynamic",
          "│     ├─ a",
          "│     ├─ b/1",
          "│     └─ c",
          "└─ last"
        ].join("\n")
      )
    })
  )
})

describe("a process", () => {
  it.effect("is found by its path, a dynamic child's slashes included", () =>
    Effect.gen(function* () {
      const { top } = yield* tree
      assert.strictEqual(lookup(top, ""), top)
      assert.strictEqual(lookup(top, "inner/dynamic/b/1")?.id, "b/1")
      for (const path of ["nobody", "inner/nobody", "inner/dynamic/b", "worker/below"]) {
        assert.isUndefined(lookup(top, path))
      }
    })
  )
})
