/** A running server together with the process that plays its clients; both end with the scope. */
import { Effect, type Scope } from "effect"
import type { Contender, Running } from "../contenders/Contender.ts"
import type { Plan } from "../load/Plan.ts"
import { BenchFailed } from "./BenchFailed.ts"
import { type LoadProcess, loadProcess } from "./loadProcess.ts"
import type { Environment } from "./serverProcess.ts"

export interface Players {
  readonly name: string
  readonly server: Running
  readonly load: LoadProcess
}

/** The load process is started last and so ends first: its sockets are gone before the server drains. */
export const playersAt = (
  { name, launch }: Contender,
  home: Environment
): Effect.Effect<Players, BenchFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* launch(home)
    const load = yield* loadProcess
    return { name, server, load }
  })

export const players = (contender: Contender): Effect.Effect<Players, BenchFailed, Scope.Scope> =>
  Effect.flatMap(contender.home, (home) => playersAt(contender, home))

/** How many sockets open at once when it is not the opening that is measured. */
const CALM = 50

/** Opens and joins all of a plan; any refusal is a failure of the run. */
export const openCalmly = (
  load: LoadProcess,
  server: Running,
  plan: Plan
): Effect.Effect<void, BenchFailed> =>
  Effect.gen(function* () {
    const { refusals } = yield* load.ask("open", { plan, concurrency: CALM, serverPid: server.pid })
    const reasons = Object.entries(refusals).map(([reason, count]) => `${count} × ${reason}`)
    if (reasons.length > 0) {
      return yield* new BenchFailed({ message: `not all sockets joined: ${reasons.join(", ")}` })
    }
  })
