/**
 * Nothing is left behind. Random trees of children that take their time to start, to work and to stop, are crashed,
 * killed, restarted and asked things from all sides while the clock runs; then the tree is shut down, killed, or its
 * runner interrupted, at any moment. Afterwards no fiber of it lives, every scope that was opened is closed, and
 * nobody waits for an answer.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, References } from "effect"
import { TestClock } from "effect/testing"
import type { Actor } from "../../src/actors/process/Actor.ts"
import { fromEffect } from "../../src/actors/process/Process.ts"
import type { ReplyTo } from "../../src/actors/process/ReplyTo.ts"
import * as Registry from "../../src/actors/registry/Registry.ts"
import * as ChildSpec from "../../src/supervisors/ChildSpec.ts"
import type { DynamicSupervisor } from "../../src/supervisors/DynamicSupervisor.ts"
import { flatten, lookup } from "../../src/supervisors/Introspection.ts"
import * as Supervisor from "../../src/supervisors/Supervisor.ts"
import { liveFibers } from "./support/LiveFibers.ts"
import { until } from "./support/Settle.ts"

const rounds = 1000

/** A repeatable source of chance: mulberry32. */
const chance = (seed: number) => {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  const oneOf = <A>(choices: ReadonlyArray<A>): A => choices[below(choices.length)]!
  return { below, oneOf, is: (probability: number): boolean => next() < probability }
}
type Chance = ReturnType<typeof chance>

/** What the children of a round have opened and not closed, and the calls that wait. */
interface Open {
  scopes: number
  calls: number
}

/** Scopes opened in all rounds: that something was going on. */
let openedInAll = 0

type Message = "work" | "crash" | "stop" | ReplyTo<string>

/** Nothing, a turn, or some milliseconds. */
const aWhile = ({ oneOf, below }: Chance): Effect.Effect<void> =>
  oneOf([Effect.void, Effect.yieldNow, Effect.sleep(1 + below(50))])

const opened = (open: Open, random: Chance) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      openedInAll++
      open.scopes++
    }),
    () =>
      Effect.andThen(
        aWhile(random),
        Effect.sync(() => void open.scopes--)
      )
  )

const behaviour = (open: Open, random: Chance) => ({
  init: () =>
    Effect.gen(function* () {
      yield* opened(open, random)
      yield* aWhile(random)
      if (random.is(0.1)) return yield* Effect.die("does not start")
      yield* opened(open, random)
      return 0
    }),
  handle: (message: Message, state: number, self: { readonly stop: () => void }) =>
    Effect.gen(function* () {
      yield* aWhile(random)
      if (message === "crash") return yield* Effect.die("boom")
      if (message === "stop") self.stop()
      if (typeof message === "object" && random.is(0.7)) message.succeed("answer")
      return state + 1
    }),
  terminate: () => aWhile(random)
})

const options = (random: Chance, id: string) => ({
  id,
  restart: random.oneOf(["permanent", "transient", "temporary"] as const),
  shutdown: random.oneOf(["brutal_kill", 10, 1000] as const)
})

const randomChild = (open: Open, random: Chance, id: string, depth: number): ChildSpec.ChildSpec => {
  if (depth > 0 && random.is(0.4)) {
    return ChildSpec.supervisor({
      ...options(random, id),
      shutdown: "infinity",
      ...randomSpec(open, random, id, depth - 1)
    })
  }
  switch (random.below(4)) {
    case 0:
      return ChildSpec.actor({ ...options(random, id), ...behaviour(open, random), capacity: 5 })
    case 1:
      return ChildSpec.dynamic({
        ...options(random, id),
        shutdown: "infinity",
        intensity: { maxRestarts: random.below(4), within: 100, per: random.oneOf(["child", "supervisor"]) }
      })
    case 2:
      return ChildSpec.process({
        ...options(random, id),
        start: Effect.gen(function* () {
          yield* opened(open, random)
          const helper = yield* fromEffect(`${id} helper`, Effect.ensuring(Effect.never, aWhile(random)))
          yield* aWhile(random)
          return random.is(0.9) ? helper : undefined
        })
      })
    default:
      return ChildSpec.workerWith({
        ...options(random, id),
        init: Effect.andThen(opened(open, random), aWhile(random)),
        run: () =>
          Effect.gen(function* () {
            yield* Effect.sleep(random.below(200))
            if (random.is(0.3)) return
            if (random.is(0.5)) return yield* Effect.die("boom")
            yield* Effect.uninterruptible(Effect.sleep(20))
            yield* Effect.never
          })
      })
  }
}

const randomSpec = (open: Open, random: Chance, id: string, depth: number): Supervisor.SupervisorSpec => ({
  id,
  strategy: random.oneOf(["one_for_one", "one_for_all", "rest_for_one"]),
  intensity: { maxRestarts: random.below(12), within: 100 },
  ...(random.is(0.3) ? { backoff: { initial: 5, max: 40 } } : {}),
  children: Array.from({ length: 1 + random.below(4) }, (_, index) =>
    randomChild(open, random, `${id}-${index}`, depth)
  )
})

/** Does something to some process of the tree, and does not wait for it. */
const meddle = (
  root: Supervisor.Supervisor,
  registry: Registry.Registry<string, Message>,
  open: Open,
  random: Chance
) => {
  const node = random.oneOf(flatten(root.snapshot()))
  const process = lookup(root, node.path.slice("root/".length))
  const parent = process as Supervisor.Supervisor | DynamicSupervisor | undefined
  const calling = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<void> =>
    Effect.suspend(() => {
      open.calls++
      return Effect.ensuring(
        Effect.exit(call),
        Effect.sync(() => void open.calls--)
      )
    })
  const id = `extra-${random.below(5)}`
  switch (random.below(7)) {
    case 0:
      return Effect.sync(() => process?.kill())
    case 1:
      return Effect.sync(() => process?.shutdown())
    case 2:
      return calling(
        registry.call<string>(`key-${random.below(8)}`, (replyTo) => replyTo, { timeout: Duration.infinity })
      )
    case 3:
      return calling(registry.cast(`key-${random.below(8)}`, random.oneOf(["work", "crash", "stop"])))
    case 4:
      if (process !== undefined && "call" in process) {
        return calling(
          (process as Actor<Message>).call<string>((replyTo) => replyTo, { timeout: Duration.infinity })
        )
      }
      return Effect.void
    case 5:
      if (parent === undefined || !("startChild" in parent)) return Effect.void
      return calling(parent.startChild(randomChild(open, random, id, 0)))
    default:
      if (parent === undefined || !("terminateChild" in parent)) return Effect.void
      return calling(parent.terminateChild(random.oneOf([id, `${node.id}-0`, `${node.id}-1`])))
  }
}

const round = (seed: number) =>
  Effect.gen(function* () {
    const random = chance(seed)
    const fibers = liveFibers()
    const open: Open = { scopes: 0, calls: 0 }
    yield* TestClock.adjust(0)

    const life = Effect.gen(function* () {
      const registry = Registry.make({
        id: "registry",
        behaviour: () => behaviour(open, random),
        idleTimeout: 50,
        maxSize: 6,
        restart: random.oneOf(["permanent", "temporary"])
      })
      const spec = randomSpec(open, random, "root", 2)
      const root = yield* Supervisor.start({ ...spec, children: [registry.childSpec, ...spec.children] })
      for (let step = 0; step < 5 + random.below(20); step++) {
        // Detached and without a deadline: whatever was asked must come to an end by itself.
        yield* Effect.forkDetach(meddle(root, registry, open, random))
        yield* Effect.sleep(random.below(20))
      }
      if (random.is(0.3)) root.kill()
      else if (random.is(0.5)) root.shutdown()
    }).pipe(Effect.scoped)

    const living = yield* Effect.forkChild(fibers.counting(Effect.exit(life)))
    const interruptAt = random.is(0.5) ? random.below(400) : Number.POSITIVE_INFINITY
    let stopping: Fiber.Fiber<void> | undefined
    for (let ms = 0; ms < 10_000; ms += 10) {
      if (living.pollUnsafe() !== undefined && fibers.count() === 0) break
      if (ms >= interruptAt && stopping === undefined)
        stopping = yield* Effect.forkChild(Fiber.interrupt(living))
      yield* TestClock.adjust(10)
    }
    yield* until(
      () => fibers.count() === 0 && living.pollUnsafe() !== undefined,
      `no fiber left in round ${seed}`
    )
    assert.deepStrictEqual(open, { scopes: 0, calls: 0 }, `round ${seed}`)
  }).pipe(
    Effect.scoped,
    Effect.provide(TestClock.layer()),
    Effect.provideService(References.MinimumLogLevel, "None")
  )

describe("a tree that is gone", () => {
  it("has left no fiber, no open scope, and nobody waiting", async () => {
    for (let seed = 1; seed <= rounds; seed++) await Effect.runPromise(round(seed))
    assert.isAbove(openedInAll, 5 * rounds)
  })
})
