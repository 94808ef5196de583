/**
 * One run of chaos: three nodes, real Postgres and Redis, clients over WebSocket, long-poll and REST, faults one after the
 * other and then two at a time, all by a seed. Afterwards everything is whole again, the senders come to rest, and the
 * checker says whether the promises held.
 */
import { Effect, Fiber } from "effect"
import type { IssuedToken } from "../support/AppProcess.ts"
import * as Poll from "../support/Poll.ts"
import { Reader } from "../support/Reader.ts"
import * as Checker from "./Checker.ts"
import * as Crowd from "./Crowd.ts"
import { faults } from "./Faults.ts"
import * as Rig from "./Rig.ts"

export interface ChaosOptions {
  readonly seed: number
  readonly conversations: number
  readonly faults: number
  readonly log: (line: string) => void
}

const NODES = 3

/** Milliseconds between two messages of one sender. */
const PAUSE_MS = 200

/** Milliseconds in which everybody must have everything, once nothing is hurt any more. */
const CONVERGENCE_MS = 60_000

interface Talk {
  readonly id: string
  readonly members: readonly [IssuedToken, IssuedToken]
}

const talkOf = Effect.fnUntraced(function* (rig: Rig.Rig) {
  const { app } = rig.nodes[0]!
  const members = [yield* app.token(), yield* app.token()] as const
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
  const figures: Crowd.Figures = { acknowledged: 0, attempts: 0, slowest: 0, violations: [] }
  const talks = yield* Effect.forEach(Array.from({ length: options.conversations }), () => talkOf(rig), {
    concurrency: 8
  })

  const readers: Array<Reader> = []
  const senders: Array<Crowd.Sender> = []
  for (const [i, { id, members }] of talks.entries()) {
    const [alice, bob] = members
    // One in four is on long-poll. One in two sends over its channel, the other over REST.
    const client = yield* Crowd.connect(rig, alice, i % 4 === 0 ? "longpoll" : "websocket", i)
    const reader = new Reader(client, id, { fromStart: true })
    readers.push(reader)
    const other = new Reader(yield* Crowd.connect(rig, bob, "websocket", i), id, { fromStart: true })
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
  const planned = faults(rig, options.seed, options.faults)
  for (const [i, fault] of planned.entries()) {
    const before = figures.acknowledged
    const started = performance.now()
    // Every third comes together with the next one.
    const together =
      i % 3 === 2 && i + 1 < planned.length ? [fault, planned[i + 1]!] : i % 3 === 0 && i > 0 ? [] : [fault]
    if (together.length === 0) continue
    yield* Effect.forEach(together, ({ hurt }) => hurt, { concurrency: "unbounded" })
    yield* progress
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    options.log(
      `${together.map(({ name }) => name).join(" + ")}: ${figures.acknowledged - before} sends in ${seconds} s`
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
      `slowest ${Math.round(figures.slowest)} ms, converged ${Math.round(converged)} ms after the end`
  )
  return { figures, wrong: [...wrong, ...figures.violations] }
})
