/**
 * Memory: resident bytes per idle socket, at 1000 and 5000 sockets. Users and conversations are made by an earlier
 * process of the same server, so that its garbage is not in the measurement: the one that is measured starts
 * afresh, and is read before the first socket and after each step, when it has come to rest by itself.
 */
import { Effect } from "effect"
import type { Contender } from "../contenders/Contender.ts"
import type { Plan } from "../load/Plan.ts"
import { attempt } from "../support/BenchFailed.ts"
import { openCalmly, playersAt } from "../support/players.ts"
import { progress } from "../support/progress.ts"
import { type SettleOptions, settledRss } from "../support/rss.ts"
import { atMost, number } from "../support/table.ts"
import type { Scenario } from "./Scenario.ts"

const STEPS = [1000, 5000] as const
const SOCKETS = 5000
const CONVERSATIONS = 50

const MAX_KILOBYTES = 16

const FULL: SettleOptions = { restMillis: 10_000, atMostMillis: 40_000 }
const QUICK: SettleOptions = { restMillis: 3000, atMostMillis: 12_000 }

const MEGABYTE = 1024 * 1024

interface Figures {
  readonly server: string
  /** Bytes, before the first socket. */
  readonly before: number
  readonly steps: ReadonlyArray<{
    readonly sockets: number
    readonly rss: number
    readonly perSocket: number
  }>
  /** Bytes per socket from the first step to the last: without what the first sockets cost once. */
  readonly marginal: number
  readonly lost: number
}

const slice = (plan: Plan, from: number, to: number): Plan => ({
  ...plan,
  sockets: plan.sockets.slice(from, to)
})

const measure = (contender: Contender, settle: SettleOptions) =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* progress(`memory: ${contender.name}`)
      const home = yield* contender.home
      const layout = { sockets: SOCKETS, conversations: CONVERSATIONS, userChannels: false }
      const provisioned = yield* Effect.scoped(
        Effect.flatMap(contender.launch(home), (server) => server.provision(layout))
      )
      const { name, server, load } = yield* playersAt(contender, home)
      const plan = { ...provisioned, address: server.address }
      const resident = attempt("reading memory", () => settledRss(server.pid, settle))
      const before = yield* resident
      const steps = []
      let opened = 0
      for (const sockets of STEPS) {
        yield* openCalmly(load, server, slice(plan, opened, sockets))
        opened = sockets
        const rss = yield* resident
        steps.push({ sockets, rss, perSocket: (rss - before) / sockets })
      }
      const [first, last] = [steps[0]!, steps.at(-1)!]
      const figures: Figures = {
        server: name,
        before,
        steps,
        marginal: (last.rss - first.rss) / (last.sockets - first.sockets),
        lost: yield* load.ask("lost", undefined)
      }
      return figures
    })
  )

export const memory: Scenario = ({ references, services, quick }) =>
  Effect.gen(function* () {
    const contenders = [...references, ...services]
    const figures = yield* Effect.forEach(contenders, (contender) => measure(contender, quick ? QUICK : FULL))
    const measured = new Set(services.map((contender) => contender.name))
    const kilobytes = (bytes: number): string => number(bytes / 1024, 1)
    return {
      table: {
        title: "Memory: resident KB per idle socket",
        columns: [
          "server",
          "before, MB",
          ...STEPS.map((sockets) => `at ${sockets}`),
          "each further",
          "target",
          "lost"
        ],
        rows: figures.map(({ server, before, steps, marginal, lost }) => [
          server,
          number(before / MEGABYTE),
          ...steps.map(({ perSocket }) => kilobytes(perSocket)),
          kilobytes(marginal),
          measured.has(server) ? atMost(steps.at(-1)!.perSocket / 1024, MAX_KILOBYTES, " KB") : "",
          number(lost)
        ]),
        notes: [
          "The service: authenticated, its user channel and one conversation (100 members) joined.",
          "The floor and Socket.IO: one room joined. RSS of the server's process, after minus before, over sockets."
        ]
      },
      data: figures
    }
  })
