/**
 * One run of chaos: three nodes, real Postgres and Redis, clients over WebSocket, long-poll and REST, faults one after the
 * other and then two at a time, all by a seed. Afterwards everything is whole again, the senders come to rest, and the
 * checker says whether the promises held.
 */
import { Effect, Fiber } from "effect"
import * as Poll from "../support/Poll.ts"
import { Reader } from "../support/Reader.ts"
import * as Checker from "./Checker.ts"
import * as Crowd from "./Crowd.ts"
import { faults, kindsOf } from "./Faults.ts"
import * as Rig from "./Rig.ts"
import * as Strangers from "./Strangers.ts"
import type { Member } from "./Tokens.ts"

export interface ChaosOptions {
  readonly seed: number
  readonly conversations: number
  readonly faults: number
  /** One kind of fault alone, one at a time. */
  readonly only?: string | undefined
  readonly log: (line: string) => void
}

const NODES = 3

/** Milliseconds between two messages of one sender. */
const PAUSE_MS = 200

/** Milliseconds in which everybody must have everything, once nothing is hurt any more. */
const CONVERGENCE_MS = 60_000

/** How long sends took, in milliseconds, while one fault alone hurt and until everybody could send again. */
export interface Measured {
  readonly kind: string
  readonly p50: number
  readonly p99: number
  readonly slowest: number
}

const measure = (kind: string, took: ReadonlyArray<number>): Measured => {
  const sorted = took.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN)
  return { kind, p50: at(0.5), p99: at(0.99), slowest: at(1) }
}

interface Talk {
  readonly id: string
  readonly members: readonly [Member, Member]
}

/** Seconds by which the issuer's clock is ahead of the right one: with a node's own error, less than `JWT_CLOCK_SKEW`. */
const DRIFTS = [0, 50, -50] as const

const talkOf = Effect.fnUntraced(function* (rig: Rig.Rig, index: number) {
  const ahead = DRIFTS[index % DRIFTS.length]!
  const members = [yield* rig.token({ ahead }), yield* rig.token({ ahead })] as const
  const id = yield* Effect.promise(async () => {
    const response = await fetch(`${rig.url}/api/v1/conversations`, {
      method: "POST",
      headers: { authorization: `Bearer ${members[0].token}`, "content-type": "application/json" },
      body: JSON.stringify({ type: "direct", member_ids: [members[1].user_id] })
    })
    const { id }: { readonly id: string } = JSON.parse(await response.text())
    return id
  })
  return { id, members } satisfies Talk
})

export const run = Effect.fnUntraced(function* (options: ChaosOptions) {
  const rig = yield* Rig.make(NODES)
  const figures: Crowd.Figures = { acknowledged: 0, attempts: 0, took: [], refused: 0, violations: [] }
  const talks = yield* Effect.forEach(
    Array.from({ length: options.conversations }, (_, i) => i),
    (i) => talkOf(rig, i),
    { concurrency: 8 }
  )
  yield* Effect.forkScoped(Strangers.run(rig, figures))

  const readers: Array<Reader> = []
  const senders: Array<Crowd.Sender> = []
  for (const [i, { id, members }] of talks.entries()) {
    const [alice, bob] = members
    // One in four is on long-poll. One in two sends over its channel, the other over REST.
    const client = yield* Crowd.connect(rig, alice, i % 4 === 0 ? "longpoll" : "websocket")
    const reader = new Reader(client, id, { fromStart: true })
    readers.push(reader)
    const other = new Reader(yield* Crowd.connect(rig, bob, "websocket"), id, { fromStart: true })
    readers.push(other)
    const attempt = i % 2 === 0 ? Crowd.rest(rig, alice, figures) : Crowd.push(reader.channel, figures)
    senders.push(new Crowd.Sender(id, alice.user_id, attempt, figures, PAUSE_MS))
    senders.push(new Crowd.Sender(id, bob.user_id, Crowd.rest(rig, bob, figures), figures, PAUSE_MS))
  }
  const sending = yield* Effect.forkScoped(
    Effect.promise(() => Promise.all(senders.map((sender) => sender.run())))
  )

  const progress = Effect.suspend(() => {
    const target = figures.acknowledged + senders.length
    return Poll.until(() => figures.acknowledged >= target, {
      deadline: 60_000,
      what: "progress of the senders"
    })
  })
  yield* progress
  const planned = faults(rig, kindsOf(options.only), options.seed, options.faults)
  const measured: Array<Measured> = []
  for (const [i, fault] of planned.entries()) {
    const before = figures.acknowledged
    const started = performance.now()
    const isAlone = options.only !== undefined
    // Every third comes together with the next one.
    const together =
      !isAlone && i % 3 === 2 && i + 1 < planned.length
        ? [fault, planned[i + 1]!]
        : !isAlone && i % 3 === 0 && i > 0
          ? []
          : [fault]
    if (together.length === 0) continue
    yield* Effect.forEach(together, ({ hurt }) => hurt, { concurrency: "unbounded" })
    yield* progress
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    const figure = measure(fault.kind, figures.took.slice(before))
    if (together.length === 1) measured.push(figure)
    options.log(
      `${together.map(({ name }) => name).join(" + ")}: ${figures.acknowledged - before} sends in ${seconds} s, ` +
        `p50 ${figure.p50} ms, p99 ${figure.p99} ms, slowest ${figure.slowest} ms`
    )
  }

  for (const sender of senders) sender.stop()
  yield* Fiber.join(sending)
  const acknowledged = senders.flatMap((sender) => sender.acknowledged)
  const last = new Map<string, number>()
  for (const { conversation, seq } of acknowledged) {
    last.set(conversation, Math.max(last.get(conversation) ?? 0, seq))
  }
  const started = performance.now()
  const behind = () => readers.filter((reader) => !reader.reached(last.get(reader.conversation) ?? 0))
  yield* Effect.ignore(
    Poll.until(() => behind().length === 0, { deadline: CONVERGENCE_MS, what: "all readers" })
  )
  const converged = performance.now() - started
  const { stored, wrong } = yield* Checker.check(
    rig.postgres.url,
    talks.map(({ id }) => id),
    acknowledged,
    readers
  )
  options.log(
    `seed ${options.seed}: ${figures.acknowledged} acknowledged of ${figures.attempts} attempts, ${stored} stored, ` +
      `slowest ${measure("all", figures.took).slowest} ms, converged ${Math.round(converged)} ms after the end, ` +
      `${figures.refused} strangers refused`
  )
  return { figures, measured, wrong: [...wrong, ...figures.violations] }
})
