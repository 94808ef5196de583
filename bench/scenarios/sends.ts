/**
 * Durable sends: 250 1:1 conversations, both members connected and sending, at rising rates until past
 * saturation. The service, each database and the load generator share the machine.
 */
import { Effect } from "effect"
import type { Contender } from "../contenders/Contender.ts"
import type { SendsStep } from "../load/Sends.ts"
import { openCalmly, players } from "../support/players.ts"
import { progress } from "../support/progress.ts"
import { number, percent } from "../support/table.ts"
import type { Scenario } from "./Scenario.ts"

const CONVERSATIONS = 250
const RATES = [2000, 5000, 10_000, 15_000] as const

/** The rate the targets are for. */
const TARGET = { rate: 10_000, acknowledged: 0.99, p99Millis: 50, cpuMicros: 60 }

const WARM_UP = { rate: 1000, seconds: 3 }
const FULL_SECONDS = 8
const QUICK_SECONDS = 3

interface Figures {
  readonly server: string
  readonly rate: number
  readonly step: SendsStep
}

const measure = (contender: Contender, seconds: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* progress(`sends: starting ${contender.name}`)
      const { name, server, load } = yield* players(contender)
      const layout = { sockets: 2 * CONVERSATIONS, conversations: CONVERSATIONS, userChannels: false }
      yield* openCalmly(load, server, yield* server.provision(layout))
      yield* load.ask("sends", { ...WARM_UP, serverPid: server.pid })
      const figures: Array<Figures> = []
      for (const rate of RATES) {
        yield* progress(`sends: ${name} at ${rate}/s`)
        figures.push({
          server: name,
          rate,
          step: yield* load.ask("sends", { rate, seconds, serverPid: server.pid })
        })
      }
      return figures
    })
  )

const cpuPerMessage = ({ server, acknowledgedInTime }: SendsStep): number =>
  server.process / acknowledgedInTime

const verdict = ({ rate, step }: Figures): string => {
  if (rate !== TARGET.rate) return ""
  const missed = [
    step.acknowledgedInTime / step.seconds < TARGET.rate * TARGET.acknowledged && "rate",
    step.latency.p99 > TARGET.p99Millis && "p99",
    cpuPerMessage(step) > TARGET.cpuMicros && "CPU"
  ].filter((part) => part !== false)
  return missed.length === 0 ? "met" : `MISSED: ${missed.join(", ")}`
}

const row = (figures: Figures): ReadonlyArray<string> => {
  const { server, rate, step } = figures
  const errors = Object.entries(step.refusals).map(([reason, count]) => `${count} ${reason}`)
  if (step.unanswered > 0) errors.push(`${step.unanswered} unanswered`)
  return [
    `${rate}/s ${server}`,
    number(step.acknowledgedInTime / step.seconds),
    number(step.latency.p50, 1),
    number(step.latency.p99, 1),
    number(cpuPerMessage(step), 1),
    number(step.server.main / step.acknowledgedInTime, 1),
    percent(step.generatorCpu / step.seconds / 1_000_000),
    percent(step.othersCpu / step.seconds / 1_000_000),
    errors.join(", ") || "none",
    `${step.disorders} / ${step.missing} / ${step.forks}`
  ]
}

export const sends: Scenario = ({ references, services, quick }) =>
  Effect.gen(function* () {
    const seconds = quick ? QUICK_SECONDS : FULL_SECONDS
    const figures = (yield* Effect.forEach([...references, ...services], (contender) =>
      measure(contender, seconds)
    )).flat()
    const measured = new Set(services.map((contender) => contender.name))
    return {
      table: {
        title: `Durable sends: ${CONVERSATIONS} 1:1 conversations, ${seconds} s per rate`,
        columns: [
          "offered, server",
          "acknowledged/s",
          "p50 ms",
          "p99 ms",
          "CPU us/message",
          "main thread",
          "generator",
          "others",
          "errors",
          "disorders / missing / forks",
          "target"
        ],
        rows: figures.map((figure) => [...row(figure), measured.has(figure.server) ? verdict(figure) : ""]),
        notes: [
          `Target at ${TARGET.rate}/s on Postgres: acknowledged at that rate, p99 <= ${TARGET.p99Millis} ms, CPU <= ${TARGET.cpuMicros} us per message.`,
          "The floor and Socket.IO acknowledge without storing: what the sockets alone cost on this machine.",
          "others: the Postgres server, and whatever else ran on the machine.",
          "Acknowledged by the service means committed. Postgres runs with its defaults: fsync and synchronous_commit on."
        ]
      },
      data: figures
    }
  })
