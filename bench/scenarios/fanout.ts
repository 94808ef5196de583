/**
 * Fan-out: 1000 sockets in 10 conversations, at three rates of deliveries. The servers take turns, one window
 * each, several times over, so that a drift of the machine meets them all; the medians are reported.
 */
import { Effect } from "effect"
import { typingOn } from "../contenders/service.ts"
import type { TrafficWindow } from "../load/Traffic.ts"
import { median } from "../support/median.ts"
import { openCalmly, type Players, players } from "../support/players.ts"
import { progress } from "../support/progress.ts"
import { atMost, below, number } from "../support/table.ts"
import type { Scenario } from "./Scenario.ts"

const SOCKETS = 1000
const CONVERSATIONS = 10
const RECIPIENTS = SOCKETS / CONVERSATIONS

/** Deliveries per second, and the target of CPU per delivery as a multiple of the floor's. */
const RATES = [
  { deliveries: 10_000, target: (ratio: number | undefined) => atMost(ratio, 1.15, " x"), latency: false },
  { deliveries: 40_000, target: (ratio: number | undefined) => atMost(ratio, 1.15, " x"), latency: true },
  { deliveries: 100_000, target: (ratio: number | undefined) => below(ratio, 1, " x"), latency: false }
] as const

const MAX_P99_MILLIS = 3

/** Costs at different rates are not comparable: both must deliver nearly what was offered to be judged. */
const REACHED = 0.95
const NOT_REACHED = "rate not reached"

/** Of one core: above it the machine is too busy to measure on. */
const QUIET = 0.15

/** Traffic before the first window of a server: until its hot path is compiled. */
const WARM_UP = { rate: 400, settleSeconds: 0 }

const FULL = { windows: 5, seconds: 3, settleSeconds: 0.5, warmUpSeconds: 4 }
const QUICK = { windows: 3, seconds: 1.5, settleSeconds: 0.3, warmUpSeconds: 2 }

interface Figures {
  readonly server: string
  readonly deliveriesPerSecond: number
  /** Microseconds of server CPU, all threads and the main thread alone. */
  readonly cpuPerDelivery: number
  readonly mainCpuPerDelivery: number
  readonly p50: number
  readonly p99: number
  readonly bytesPerDelivery: number
  /** Of one core. */
  readonly generatorLoad: number
  /** Of one core: the machine's, less the server's and the generator's. */
  readonly othersLoad: number
  readonly refused: number
}

const summarize = (server: string, windows: ReadonlyArray<TrafficWindow>): Figures => {
  const over = (figure: (window: TrafficWindow) => number): number => median(windows.map(figure))
  return {
    server,
    deliveriesPerSecond: over((window) => window.deliveries / window.seconds),
    cpuPerDelivery: over((window) => window.server.process / window.deliveries),
    mainCpuPerDelivery: over((window) => window.server.main / window.deliveries),
    p50: over((window) => window.latency.p50),
    p99: over((window) => window.latency.p99),
    bytesPerDelivery: over((window) => window.bytesPerDelivery),
    generatorLoad: over((window) => window.generatorCpu / window.seconds / 1_000_000),
    othersLoad: over((window) => Math.max(0, window.othersCpu) / window.seconds / 1_000_000),
    refused: windows.reduce((sum, window) => sum + window.refused, 0)
  }
}

export const fanout: Scenario = ({ references, services, quick }) =>
  Effect.gen(function* () {
    const { windows, seconds, settleSeconds, warmUpSeconds } = quick ? QUICK : FULL
    const layout = { sockets: SOCKETS, conversations: CONVERSATIONS, userChannels: false }

    const all: Array<Players> = []
    for (const contender of [...references, ...services, ...services.slice(0, 1).map(typingOn)]) {
      yield* progress(`fan-out: starting ${contender.name}`)
      const started = yield* players(contender)
      yield* openCalmly(started.load, started.server, yield* started.server.provision(layout))
      yield* started.load.ask("window", { ...WARM_UP, seconds: warmUpSeconds, serverPid: started.server.pid })
      all.push(started)
    }

    const results = []
    for (const { deliveries, target, latency } of RATES) {
      const rounds = new Map<string, Array<TrafficWindow>>(all.map(({ name }) => [name, []]))
      for (let round = 1; round <= windows; round++) {
        yield* progress(`fan-out: ${deliveries} deliveries/s, round ${round} of ${windows}`)
        for (const { name, server, load } of all) {
          const input = { rate: deliveries / RECIPIENTS, settleSeconds, seconds, serverPid: server.pid }
          rounds.get(name)!.push(yield* load.ask("window", input))
        }
      }
      const figures = [...rounds].map(([name, taken]) => summarize(name, taken))
      results.push({ deliveries, target, latency, figures })
    }

    const others = median(results.flatMap(({ figures }) => figures.map((figure) => figure.othersLoad)))
    const measured = new Set(services.map((contender) => contender.name))
    const rows = results.flatMap(({ deliveries, target, latency, figures }) => {
      const floor = figures.find((figure) => figure.server === "floor")
      return figures.map((figure) => {
        const ratio = floor && figure.cpuPerDelivery / floor.cpuPerDelivery
        const judged = measured.has(figure.server)
        const comparable = [figure, floor].every(
          (each) => (each?.deliveriesPerSecond ?? 0) >= deliveries * REACHED
        )
        return [
          `${deliveries / 1000}k/s ${figure.server}`,
          number(figure.deliveriesPerSecond),
          number(figure.cpuPerDelivery, 2),
          number(figure.mainCpuPerDelivery, 2),
          number(ratio, 2),
          judged ? (comparable ? target(ratio) : NOT_REACHED) : "",
          number(figure.p50, 2),
          number(figure.p99, 2),
          judged && latency ? (comparable ? atMost(figure.p99, MAX_P99_MILLIS, " ms") : NOT_REACHED) : "",
          number(figure.bytesPerDelivery),
          `${number(figure.generatorLoad * 100)} %`,
          `${number(figure.othersLoad * 100)} %`,
          number(figure.refused)
        ]
      })
    })
    return {
      table: {
        title: `Fan-out: ${SOCKETS} sockets in ${CONVERSATIONS} conversations, medians of ${windows} windows of ${seconds} s`,
        columns: [
          "rate, server",
          "deliveries/s",
          "CPU us/delivery",
          "main thread",
          "x floor",
          "target",
          "p50 ms",
          "p99 ms",
          "target",
          "bytes",
          "generator",
          "others",
          "refused"
        ],
        rows,
        notes: [
          "CPU: of the server's process, all threads; a Postgres server's own is not in it, the embedded database's is.",
          "The floor and Socket.IO store nothing; the service commits every message before it is delivered.",
          "typing: the service with typing indicators for messages, so that nothing is stored; they are not timed.",
          ...(others > QUIET
            ? [
                `The machine was busy: others took ${number(others * 100)} % of a core. Run again when it is quiet.`
              ]
            : [])
        ]
      },
      data: results.map(({ deliveries, figures }) => ({ deliveries, figures }))
    }
  })
