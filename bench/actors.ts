/**
 * `node bench/actors.ts`: what actors and supervisors cost, without any I/O. About half a minute.
 *
 * Rates are per second of one process, from the CPU time it used and not from the clock on the wall, so that a busy
 * machine distorts them less; each is the best of several windows. Latencies are by the clock. Memory is the growth of
 * the heap, after a collection, by 50,000 idle actors that have handled one call each, with all that knows of them: the
 * registry's entry, the dynamic supervisor's child, the timer of the idle time.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Effect, References } from "effect"
import * as Actor from "../src/actors/process/Actor.ts"
import type { ReplyTo } from "../src/actors/process/ReplyTo.ts"
import * as Registry from "../src/actors/registry/Registry.ts"
import * as ChildSpec from "../src/supervisors/ChildSpec.ts"
import * as DynamicSupervisor from "../src/supervisors/DynamicSupervisor.ts"
import * as Supervisor from "../src/supervisors/Supervisor.ts"
import { number, render } from "./support/table.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

type Message = ReplyTo<number> | "add" | "crash"

const answer = (message: Message, total: number): number => {
  if (message === "crash") throw new Error("crash")
  if (message === "add") return total + 1
  message.succeed(total)
  return total
}

/** Behaviours of the three kinds: no Effect, an Effect that ends at once, and one that waits for another turn. */
const plain = { init: () => 0, handle: answer }
const effect = {
  init: () => 0,
  handle: (message: Message, total: number) => Effect.sync(() => answer(message, total))
}
const waiting = {
  init: () => 0,
  handle: (message: Message, total: number) => Effect.map(Effect.yieldNow, () => answer(message, total))
}

const repeat = <E>(
  times: number,
  step: (index: number) => Effect.Effect<unknown, E>
): Effect.Effect<void, E> =>
  Effect.gen(function* () {
    for (let index = 0; index < times; index++) yield* step(index)
  })

const ask = (actor: Actor.Actor<Message>) => actor.call<number>((replyTo) => replyTo)

interface Rate {
  readonly name: string
  readonly micros: number
}

/** The least CPU time per operation over some windows. `operations` are run once for each. */
const rate = <E, R>(name: string, count: number, operations: Effect.Effect<unknown, E, R>, windows = 5) =>
  Effect.gen(function* () {
    let micros = Number.POSITIVE_INFINITY
    for (let window = 0; window < windows; window++) {
      collect()
      const before = process.cpuUsage()
      yield* operations
      const { user, system } = process.cpuUsage(before)
      micros = Math.min(micros, (user + system) / count)
    }
    return { name, micros } satisfies Rate
  })

const asks = Effect.gen(function* () {
  const count = 200_000
  const concurrent = 1000
  const start = (behaviour: Omit<Actor.ActorOptions<Message, number, never, never>, "id">) =>
    Actor.start({ id: "actor", capacity: count + 1, ...behaviour })
  const [a, b, c] = [yield* start(plain), yield* start(effect), yield* start(waiting)]
  return [
    yield* rate(
      "ask, one after the other",
      count,
      repeat(count, () => ask(a))
    ),
    yield* rate(
      `ask, ${concurrent} callers at once`,
      count,
      Effect.forEach(Array.from({ length: concurrent }), () => repeat(count / concurrent, () => ask(a)), {
        concurrency: "unbounded",
        discard: true
      })
    ),
    yield* rate(
      "ask, the handler an Effect",
      count,
      repeat(count, () => ask(b))
    ),
    yield* rate(
      "ask, the handler an Effect that waits",
      count / 10,
      repeat(count / 10, () => ask(c))
    ),
    yield* rate(
      "cast from plain code",
      count,
      Effect.suspend(() => {
        for (let index = 0; index < count; index++) a.castUnsafe("add")
        return ask(a)
      })
    )
  ]
})

const children = Effect.gen(function* () {
  const count = 20_000
  const supervisor = yield* DynamicSupervisor.start({ id: "children" })
  const spec = (index: number) => ChildSpec.actor({ id: `${index}`, restart: "temporary", ...plain })
  const startAll = repeat(count, (index) => supervisor.startChild(spec(index)))
  const stopAll = repeat(count, (index) => supervisor.terminateChild(`${index}`))
  const started = yield* rate("start and stop a child", count, Effect.andThen(startAll, stopAll))
  const spawned: Array<Rate> = []
  for (let window = 0; window < 5; window++) {
    spawned.push(yield* rate("start a child", count, startAll, 1))
    yield* stopAll
  }
  return [spawned.toSorted((left, right) => left.micros - right.micros)[0]!, started]
})

/** A registry with many live actors: what finding one costs, and what one weighs. */
const registry = (name: string, behaviour: typeof plain | typeof effect) =>
  Effect.gen(function* () {
    const count = 50_000
    const actors = Registry.make<string, Message, number>({
      id: "actors",
      idleTimeout: "1 hour",
      behaviour: () => ({ ...behaviour })
    })
    yield* Supervisor.start({ id: "root", children: [actors.childSpec] })
    const askAll = repeat(count, (index) => actors.call<number>(`key-${index}`, (replyTo) => replyTo))
    collect()
    const before = process.memoryUsage().heapUsed
    yield* askAll
    yield* Effect.sleep(10)
    collect()
    const bytes = (process.memoryUsage().heapUsed - before) / count
    return { bytes, found: yield* rate(`ask by key, ${count} live, ${name}`, count, askAll) }
  }).pipe(Effect.scoped)

interface Latency {
  readonly name: string
  readonly p50: number
  readonly p99: number
}

/** From the crash of a child until its next incarnation has answered a call. */
const restarts = (strategy: "one_for_one" | "one_for_all", siblings: number) =>
  Effect.gen(function* () {
    const count = 2000
    const ids = Array.from({ length: siblings }, (_, index) => `${index}`)
    const supervisor = yield* Supervisor.start({
      id: "restarts",
      strategy,
      intensity: { maxRestarts: count, within: "1 hour" },
      children: ids.map((id) => ChildSpec.actor({ id, ...plain }))
    })
    const micros: Array<number> = []
    for (let index = 0; index < count; index++) {
      const actor = supervisor.child("0") as Actor.Actor<Message>
      const before = performance.now()
      actor.castUnsafe("crash")
      while (supervisor.child("0") === actor || supervisor.child("0") === undefined) yield* Effect.yieldNow
      yield* ask(supervisor.child("0") as Actor.Actor<Message>)
      micros.push((performance.now() - before) * 1000)
    }
    const sorted = micros.toSorted((left, right) => left - right)
    const name = `${strategy}, ${siblings} ${siblings === 1 ? "child" : "children"}`
    return { name, p50: sorted[count / 2]!, p99: sorted[Math.floor(count * 0.99)]! } satisfies Latency
  }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))

const main = Effect.gen(function* () {
  const plainRegistry = yield* registry("plain", plain)
  const effectRegistry = yield* registry("Effects", effect)
  const rates = [...(yield* asks), ...(yield* children), plainRegistry.found, effectRegistry.found]
  const latencies = [yield* restarts("one_for_one", 1), yield* restarts("one_for_all", 10)]
  const tables = [
    {
      title: "Operations",
      columns: ["", "us of CPU", "per second"],
      rows: rates.map(({ name, micros }) => [name, number(micros, 2), number(1_000_000 / micros)]),
      notes: []
    },
    {
      title: "Memory",
      columns: ["", "bytes per idle actor"],
      rows: [
        ["behaviour of plain functions", number(plainRegistry.bytes)],
        ["behaviour of Effects", number(effectRegistry.bytes)]
      ],
      notes: []
    },
    {
      title: "Restart, from the crash to the first answer",
      columns: ["", "p50 us", "p99 us"],
      rows: latencies.map(({ name, p50, p99 }) => [name, number(p50), number(p99)]),
      notes: []
    }
  ]
  for (const table of tables) process.stdout.write(`${render(table)}\n`)
})

await Effect.runPromise(Effect.scoped(main))
