/**
 * Connect storm: 5,000 sockets connect, authenticate and join two channels at once, against a freshly started
 * server that serves a live conversation meanwhile. The live conversation is played by a process of its own.
 */
import { Effect } from "effect"
import type { Contender } from "../contenders/Contender.ts"
import type { OpenResult } from "../load/LoadCommands.ts"
import { loadProcess } from "../support/loadProcess.ts"
import { median } from "../support/median.ts"
import { openCalmly, players } from "../support/players.ts"
import { progress } from "../support/progress.ts"
import { atMost, number } from "../support/table.ts"
import type { Scenario } from "./Scenario.ts"

const SOCKETS = 5000
const CONVERSATIONS = 50
const LIVE = { sockets: 20, conversations: 1, userChannels: true }
const LIVE_RATE = 50

const MAX_SECONDS = 5
const MAX_LIVE_P99_MILLIS = 250

interface Figures extends OpenResult {
  readonly name: string
  /** Milliseconds, of the live conversation's deliveries meanwhile. */
  readonly liveP99: number
}

const measure = (contender: Contender) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { name, server, load } = yield* players(contender)
      const live = yield* loadProcess
      yield* openCalmly(live, server, yield* server.provision(LIVE))
      const plan = yield* server.provision({
        sockets: SOCKETS,
        conversations: CONVERSATIONS,
        userChannels: true
      })
      yield* live.ask("startTraffic", { rate: LIVE_RATE, serverPid: server.pid })
      yield* Effect.sleep("2 seconds")
      yield* live.ask("markTraffic", undefined)
      const opened = yield* load.ask("open", { plan, concurrency: SOCKETS, serverPid: server.pid })
      const { latency } = yield* live.ask("stopTraffic", undefined)
      const figures: Figures = { name, ...opened, liveP99: latency.p99 }
      return figures
    })
  )

export const storm: Scenario = ({ references, services, quick }) =>
  Effect.gen(function* () {
    const repeats = quick ? 1 : 3
    const rounds: Array<Figures> = []
    const contenders = [...references, ...services]
    for (let round = 1; round <= repeats; round++) {
      for (const contender of contenders) {
        yield* progress(`storm: ${contender.name}, round ${round} of ${repeats}`)
        rounds.push(yield* measure(contender))
      }
    }
    const measured = new Set(services.map((contender) => contender.name))
    return {
      table: {
        title: `Connect storm: ${SOCKETS} sockets connect and join two channels at once, medians of ${repeats}`,
        columns: [
          "server",
          "all joined, s",
          "target",
          "refused",
          "live p99 ms",
          "target",
          "server CPU s",
          "generator CPU s"
        ],
        rows: contenders.map(({ name }) => {
          const own = rounds.filter((figures) => figures.name === name)
          const refused = own.flatMap(({ refusals }) => Object.entries(refusals))
          const over = (figure: (figures: Figures) => number): number => median(own.map(figure))
          const seconds = over((figures) => figures.seconds)
          const liveP99 = over((figures) => figures.liveP99)
          const judged = measured.has(name)
          return [
            name,
            number(seconds, 2),
            judged ? atMost(seconds, MAX_SECONDS, " s") : "",
            refused.map(([reason, count]) => `${count} ${reason}`).join(", ") || "none",
            number(liveP99, 1),
            judged ? atMost(liveP99, MAX_LIVE_P99_MILLIS, " ms") : "",
            number(
              over((figures) => figures.server.process / 1_000_000),
              2
            ),
            number(
              over((figures) => figures.generatorCpu / 1_000_000),
              2
            )
          ]
        }),
        notes: [
          "The floor and Socket.IO authenticate nobody and look nothing up.",
          `Live: a conversation of ${LIVE.sockets} sockets at ${LIVE_RATE} messages/s, before, while and until 2 s after.`
        ]
      },
      data: rounds
    }
  })
