/**
 * `npm run bench`: runs the scenarios, prints one table each. See bench/README.md for how to read them.
 */
import { cpus, totalmem } from "node:os"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { floor, socketio } from "./contenders/references.ts"
import { onPglite, onPostgres } from "./contenders/service.ts"
import { type Options, parseOptions, type ScenarioName, usage } from "./options.ts"
import { fanout } from "./scenarios/fanout.ts"
import { memory } from "./scenarios/memory.ts"
import type { Scenario, Selection } from "./scenarios/Scenario.ts"
import { sends } from "./scenarios/sends.ts"
import { storm } from "./scenarios/storm.ts"
import { attempt } from "./support/BenchFailed.ts"
import { postgresBinaries } from "./support/postgres.ts"
import { progress } from "./support/progress.ts"
import { render } from "./support/table.ts"

const scenarios: Record<ScenarioName, Scenario> = { fanout, memory, sends, storm }

const select = ({ servers, quick }: Options, binaries: string | undefined): Selection => ({
  references: [
    ...(servers.includes("floor") ? [floor] : []),
    ...(servers.includes("socketio") ? [socketio] : [])
  ],
  services: [
    ...(servers.includes("postgres") && binaries !== undefined ? [onPostgres(binaries)] : []),
    ...(servers.includes("pglite") ? [onPglite] : [])
  ],
  quick
})

const machine = (): string =>
  `${cpus().length} x ${cpus()[0]!.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`

const print = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(`${text}\n`))

const bench = Effect.gen(function* () {
  const options = yield* attempt("bench", async () => parseOptions(process.argv.slice(2)))
  if (options.help) return yield* print(usage)
  const binaries = postgresBinaries()
  if (binaries === undefined) yield* progress("no Postgres on this machine: the service runs on PGlite only")
  const selection = select(options, binaries)

  const { quick, json } = options
  const figures: Record<string, unknown> = { machine: machine(), quick }
  if (!json) yield* print(`${machine()}${quick ? ", quick" : ""}\n`)
  for (const name of options.scenarios) {
    const { table, data } = yield* Effect.scoped(scenarios[name](selection))
    figures[name] = data
    if (!json) yield* print(render(table))
  }
  if (json) yield* print(JSON.stringify(figures, null, 2))
})

NodeRuntime.runMain(bench)
