/**
 * What is done to the system, as data: each fault hurts one thing for a while and makes it whole again. A run's faults
 * follow from its seed alone, so that a failure can be had again.
 */
import { Effect, type Scope } from "effect"
import type { Node, Rig } from "./Rig.ts"

/** A small generator of numbers between 0 and 1 that a seed repeats (mulberry32). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Hurt = Effect.Effect<void, unknown, Scope.Scope>

export interface Kind {
  readonly name: string
  readonly of: (rig: Rig, node: Node, millis: number) => Hurt
}

const lasting = (begin: Hurt, millis: number, end: Hurt): Hurt =>
  Effect.andThen(begin, Effect.andThen(Effect.sleep(millis), end))

const kinds: ReadonlyArray<Kind> = [
  { name: "SIGKILL", of: (_, node, millis) => lasting(node.app.kill("SIGKILL"), millis, node.restart) },
  {
    name: "SIGSTOP",
    of: (_, node, millis) => lasting(node.app.kill("SIGSTOP"), 2 * millis, node.app.kill("SIGCONT"))
  },
  {
    name: "SIGTERM",
    of: (_, node, millis) =>
      lasting(Effect.andThen(node.app.kill("SIGTERM"), node.app.exited), millis / 4, node.restart)
  },
  {
    name: "Redis killed, back empty",
    of: ({ redis }, _, millis) => lasting(redis.kill9, millis, redis.restart({ empty: true }))
  },
  { name: "Redis frozen", of: ({ redis }, _, millis) => lasting(redis.stop, millis, redis.cont) },
  {
    name: "Postgres killed",
    of: ({ postgres }, _, millis) => lasting(postgres.kill9, millis / 2, postgres.restart)
  },
  {
    name: "Postgres frozen",
    of: ({ postgres }, _, millis) => lasting(postgres.stop, millis / 2, postgres.cont)
  },
  {
    name: "cut from Postgres",
    of: (_, node, millis) => lasting(node.toPostgres.cut, millis, node.toPostgres.heal)
  },
  {
    name: "no route to Postgres",
    of: (_, node, millis) => lasting(node.toPostgres.freeze, millis, node.toPostgres.heal)
  },
  { name: "cut from Redis", of: (_, node, millis) => lasting(node.toRedis.cut, millis, node.toRedis.heal) },
  {
    name: "no route to Redis",
    of: (_, node, millis) => lasting(node.toRedis.freeze, millis, node.toRedis.heal)
  },
  {
    name: "cut from the other nodes",
    of: (_, node, millis) => lasting(node.fromNodes.cut, 2 * millis, node.fromNodes.heal)
  },
  {
    name: "no route between any nodes",
    of: ({ nodes }, _, millis) => {
      const all = (what: keyof Node["fromNodes"]) =>
        Effect.forEach(nodes, ({ fromNodes }) => fromNodes[what], { discard: true })
      return lasting(all("freeze"), 2 * millis, all("heal"))
    }
  }
]

/** Every node once, as an upgrade does; longer than others, and only on request. */
const rollingRestart: Kind = {
  name: "rolling restart",
  of: ({ nodes }) =>
    Effect.forEach(
      nodes,
      (node) => lasting(Effect.andThen(node.app.kill("SIGTERM"), node.app.exited), 0, node.restart),
      { discard: true }
    )
}

/** The kinds of this name; all that come by themselves for none. */
export const kindsOf = (name: string | undefined): ReadonlyArray<Kind> =>
  name === undefined ? kinds : [...kinds, rollingRestart].filter((kind) => kind.name === name)

export interface Fault {
  readonly kind: string
  readonly name: string
  readonly hurt: Hurt
}

/** `count` faults in the order of the seed; every kind comes before any comes again. */
export const faults = (
  rig: Rig,
  kinds: ReadonlyArray<Kind>,
  seed: number,
  count: number
): ReadonlyArray<Fault> => {
  const random = randomFrom(seed)
  const pick = <A>(items: ReadonlyArray<A>): A => items[Math.floor(random() * items.length)]!
  let left: Array<Kind> = []
  return Array.from({ length: count }, () => {
    if (left.length === 0) left = [...kinds]
    const kind = pick(left)
    left = left.filter((other) => other !== kind)
    const node = pick(rig.nodes)
    const millis = Math.round(1_000 + random() * 2_000)
    return {
      kind: kind.name,
      name: `${kind.name} (${node.name}, ${millis} ms)`,
      hurt: Effect.suspend(() => kind.of(rig, node, millis))
    }
  })
}
