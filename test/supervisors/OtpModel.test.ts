/**
 * Thousands of random trees are made to suffer: children crash and end, one by one and several at a time, refuse to
 * start, are started, stopped and deleted by hand, supervisors are killed, and time passes. After each of these the
 * real tree must look like the model's, and have started and stopped the same children in the same order.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, References } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import { Shutdown } from "../../src/actors/process/ExitReason.ts"
import * as ChildSpec from "../../src/supervisors/ChildSpec.ts"
import type { DynamicSupervisor } from "../../src/supervisors/DynamicSupervisor.ts"
import { flatten, lookup, type TreeNode } from "../../src/supervisors/Introspection.ts"
import * as Supervisor from "../../src/supervisors/Supervisor.ts"
import { type Ending, type ModelNode, type NodeSpec, OtpModel } from "./support/OtpModel.ts"
import { crash, Puppets } from "./support/Puppets.ts"
import { until } from "./support/Settle.ts"

const trees = 2000
const SEED = Number(process.env.FUZZ_SEED ?? 4)

// ---- random trees and what befalls them -----------------------------------------------------------------------

const rules = {
  restart: fc.constantFrom("permanent", "transient", "temporary"),
  significant: fc.boolean(),
  strategy: fc.constantFrom("one_for_one", "one_for_all", "rest_for_one"),
  autoShutdown: fc.constantFrom("never", "never", "any_significant", "all_significant"),
  maxRestarts: fc.nat(4),
  withinMs: fc.integer({ min: 1, max: 5000 })
} as const

const nodeOfDepth = (depth: number): fc.Arbitrary<NodeSpec> =>
  fc
    .record({
      ...rules,
      kind:
        depth === 0 ? fc.constant("worker") : fc.constantFrom("worker", "worker", "supervisor", "dynamic"),
      children: depth === 0 ? fc.constant([]) : fc.array(nodeOfDepth(depth - 1), { maxLength: 4 })
    })
    .map((node) => ({
      ...node,
      id: "",
      children: node.kind === "supervisor" ? node.children : [],
      kind: node.kind as NodeSpec["kind"]
    }))

/** Gives the children their ids, and takes back what contradicts itself. */
const legal = (node: NodeSpec, id: string, autoShutdown: NodeSpec["autoShutdown"]): NodeSpec => ({
  ...node,
  id,
  significant: node.significant && node.restart !== "permanent" && autoShutdown !== "never",
  children: node.children.map((child, index) => legal(child, "abcdef"[index]!, node.autoShutdown))
})

const tree = fc
  .record({ ...rules, children: fc.array(nodeOfDepth(2), { minLength: 1, maxLength: 4 }) })
  .map((root): NodeSpec => legal({ ...root, id: "", kind: "supervisor" }, "root", "never"))

const endings: ReadonlyArray<Ending> = ["normal", "shutdown", "crash", "crash"]

const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: fc.constant("End" as const),
      at: fc.nat(),
      many: fc.nat(3),
      how: fc.constantFrom(...endings)
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({ _tag: fc.constant("FailStarts" as const), at: fc.nat(), times: fc.nat(3) })
  },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Kill" as const), at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Pass" as const), ms: fc.nat(4000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant("Start" as const),
      at: fc.nat(),
      id: fc.constantFrom(..."abcxyz"),
      child: nodeOfDepth(0)
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant("Terminate" as const),
      at: fc.nat(),
      id: fc.constantFrom(..."abcx")
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant("Restart" as const),
      at: fc.nat(),
      id: fc.constantFrom(..."abcx")
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: fc.constant("Delete" as const),
      at: fc.nat(),
      id: fc.constantFrom(..."abcx")
    })
  }
)
type Event = typeof event extends fc.Arbitrary<infer A> ? A : never

// ---- the real tree --------------------------------------------------------------------------------------------

const childSpec = (puppets: Puppets, node: NodeSpec, parent: string): ChildSpec.ChildSpec => {
  const { id, restart, significant } = node
  const options = { id, restart, significant }
  const path = `${parent}/${id}`
  switch (node.kind) {
    case "worker":
      return puppets.spec(options, path)
    case "dynamic":
      return ChildSpec.dynamic({
        ...options,
        intensity: { maxRestarts: node.maxRestarts, within: node.withinMs }
      })
    case "supervisor":
      return ChildSpec.supervisor({ ...options, ...supervisorSpec(puppets, node, path) })
  }
}

const supervisorSpec = (puppets: Puppets, node: NodeSpec, path: string): Supervisor.SupervisorSpec => ({
  id: node.id,
  strategy: node.strategy,
  intensity: { maxRestarts: node.maxRestarts, within: node.withinMs },
  autoShutdown: node.autoShutdown,
  children: node.children.map((child) => childSpec(puppets, child, path))
})

const exits = {
  normal: Exit.void,
  shutdown: Exit.fail(new Shutdown({ reason: "asked for" })),
  crash: crash()
}

const modelLooks = (node: ModelNode): string =>
  `${node.path} ${node.state} ${node.restarts}${node.children.map((child) => `\n${modelLooks(child)}`).join("")}`

const treeLooks = (node: TreeNode): string =>
  `${node.path} ${node.state} ${node.restarts}${(node.children ?? []).map((child) => `\n${treeLooks(child)}`).join("")}`

const isResting = (root: Supervisor.Supervisor): boolean =>
  flatten(root.snapshot()).every(
    ({ state, mailboxDepth }) => (state === "running" || state === "stopped") && (mailboxDepth ?? 0) === 0
  )

const outcome = <A, E>(exit: Exit.Exit<A, E>): string => {
  if (Exit.isSuccess(exit)) return "ok"
  const error: unknown = exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : "failed"
}

// ---- one against the other ------------------------------------------------------------------------------------

const sufferAlike = (spec: NodeSpec, events: ReadonlyArray<Event>) =>
  Effect.gen(function* () {
    const puppets = new Puppets()
    const model = new OtpModel(spec)
    const root = yield* Supervisor.start(supervisorSpec(puppets, spec, "root"))
    assert.isTrue(model.root.start())

    const process = (node: ModelNode) => lookup(root, node.path.slice("root/".length))
    const pick = (at: number, kinds: ReadonlyArray<NodeSpec["kind"]>): ModelNode | undefined => {
      const nodes = model
        .nodes()
        .filter(
          ({ spec, state, parent }) =>
            parent !== undefined && state === "running" && kinds.includes(spec.kind)
        )
      return nodes[at % nodes.length]
    }
    const pickParent = (at: number): ModelNode => {
      const nodes = model.nodes().filter(({ spec, state }) => state === "running" && spec.kind !== "worker")
      return nodes[at % nodes.length]!
    }

    /** Does to both what the event says; returns what each answers, or nothing where it does not apply. */
    const befall = (event: Event): Effect.Effect<readonly [model: string, real: string] | undefined> =>
      Effect.gen(function* () {
        switch (event._tag) {
          case "End": {
            const first = pick(event.at, ["worker"])
            if (first === undefined) return
            const siblings = first.parent!.children.filter(
              (sibling) => sibling !== first && sibling.spec.kind === "worker" && sibling.state === "running"
            )
            const ended = [first, ...siblings.slice(0, event.many)]
            // A dynamic supervisor deals with each exit at once, so one of them can take the others along.
            for (const child of first.parent!.spec.kind === "dynamic" ? [first] : ended) {
              puppets.end(child.path, exits[event.how])
            }
            model.end(first.parent!.spec.kind === "dynamic" ? [first] : ended, event.how)
            return
          }
          case "FailStarts": {
            const node = pick(event.at, ["worker"])
            if (node === undefined) return
            puppets.failStarts(node.path, event.times)
            model.failures.set(node.path, event.times)
            return
          }
          case "Kill": {
            const node = pick(event.at, ["supervisor", "dynamic"])
            if (node === undefined) return
            process(node)?.kill()
            model.kill(node)
            return
          }
          case "Pass":
            yield* TestClock.adjust(event.ms)
            model.now += event.ms
            return
        }
        const parent = pickParent(event.at)
        if (parent.spec.kind === "dynamic") {
          const dynamic = process(parent) as DynamicSupervisor
          if (event._tag === "Start") {
            const child = legal(event.child, event.id, "never")
            const real = yield* Effect.exit(dynamic.startChild(childSpec(puppets, child, parent.path)))
            const answer = model.startChild(parent, child)
            return [answer, outcome(real)] as const
          }
          if (event._tag !== "Terminate") return
          const real = yield* Effect.exit(dynamic.terminateChild(event.id))
          return [model.terminateChild(parent, event.id), outcome(real)] as const
        }
        const supervisor = process(parent) as Supervisor.Supervisor
        switch (event._tag) {
          case "Start": {
            const child = legal(event.child, event.id, parent.spec.autoShutdown)
            const real = yield* Effect.exit(supervisor.startChild(childSpec(puppets, child, parent.path)))
            return [model.startChild(parent, child), outcome(real)] as const
          }
          case "Terminate":
            return [
              model.terminateChild(parent, event.id),
              outcome(yield* Effect.exit(supervisor.terminateChild(event.id)))
            ] as const
          case "Restart":
            return [
              model.restartChild(parent, event.id),
              outcome(yield* Effect.exit(supervisor.restartChild(event.id)))
            ] as const
          case "Delete":
            return [
              model.deleteChild(parent, event.id),
              outcome(yield* Effect.exit(supervisor.deleteChild(event.id)))
            ] as const
        }
      })

    assert.strictEqual(puppets.take(), model.take())
    for (const event of events) {
      if (model.root.state !== "running") break
      const answers = yield* befall(event)
      if (answers !== undefined) assert.strictEqual(answers[1], answers[0])
      yield* until(() => isResting(root), "a tree at rest")
      assert.strictEqual(puppets.take(), model.take())
      if (model.root.state === "running")
        assert.strictEqual(treeLooks(root.snapshot()), modelLooks(model.root))
      else assert.isDefined(root.pollExit())
    }
    root.shutdown()
    if (model.root.state === "running") model.root.stop()
    yield* until(() => root.pollExit() !== undefined)
    assert.strictEqual(puppets.take(), model.take())
    assert.strictEqual(puppets.open, 0)
  })

const quietly = Context.make(References.MinimumLogLevel, "None")

describe("a tree of supervisors", () => {
  it("does what OTP's would, whatever happens", async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.array(event, { minLength: 1, maxLength: 15 }), (spec, events) =>
        Effect.runPromise(
          sufferAlike(spec, events).pipe(
            Effect.scoped,
            Effect.provide(TestClock.layer()),
            Effect.provideContext(quietly)
          )
        )
      ),
      { numRuns: trees, seed: SEED, interruptAfterTimeLimit: 25_000, markInterruptAsFailure: false }
    )
  }, 60_000)
})
