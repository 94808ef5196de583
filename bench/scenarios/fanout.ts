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
import { atMost, below, number, percent } from "../support/table.ts"
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

/** Costs at different rates are not comparable: who delivers less than this of what was offered is not judged. */
const REACHED = 0.95

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
    othersLoad: over((window) => window.othersCpu / window.seconds / 1_000_000),
    refused: windows.reduce((sum, window) => sum + window.refused, 0)
  }
}

interface Result {
  readonly deliveries: number
  readonly target: (ratio: number | undefined) => string
  readonly latency: boolean
  /** The references' first, in their order. */
  readonly figures: ReadonlyArray<Figures>
}

const row = (
  { deliveries, target, latency }: Result,
  figure: Figures,
  floor: Figures | undefined,
  judged: boolean
): ReadonlyArray<string> => {
  const ratio = floor && figure.cpuPerDelivery / floor.cpuPerDelivery
  const reached = (each: Figures | undefined): boolean =>
    each === undefined || each.deliveriesPerSecond >= deliveries * REACHED
  const verdict = (fair: boolean, judge: () => string): string =>
    !judged ? "" : fair ? judge() : "rate not reached"
  return [
    `${deliveries / 1000}k/s ${figure.server}`,
    number(figure.deliveriesPerSecond),
    number(figure.cpuPerDelivery, 2),
    number(figure.mainCpuPerDelivery, 2),
    number(ratio, 2),
    verdict(reached(figure) && reached(floor), () => target(ratio)),
    number(figure.p50, 2),
    number(figure.p99, 2),
    latency ? verdict(reached(figure), () => atMost(figure.p99, MAX_P99_MILLIS, " ms")) : "",
    number(figure.bytesPerDelivery),
    percent(figure.generatorLoad),
    percent(figure.othersLoad),
    number(figure.refused)
  ]
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

    const results: Array<Result> = []
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

    const judged = new Set(services.map((contender) => contender.name))
    const rows = results.flatMap((result) => {
      const floor = result.figures.find((figure) => figure.server === "floor")
      return result.figures.map((figure) => row(result, figure, floor, judged.has(figure.server)))
    })
    // Only while the references were measured: in the service's windows a Postgres server is among the others.
    const others = median(
      results.flatMap(({ figures }) =>
        figures.slice(0, references.length).map(({ othersLoad }) => othersLoad)
      )
    )
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
            ? [`The machine was busy: others took ${percent(others)} of a core. Run again when it is quiet.`]
            : [])
        ]
      },
      data: results.map(({ deliveries, figures }) => ({ deliveries, figures }))
    }
  })
