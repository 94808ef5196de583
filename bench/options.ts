/** The command line of `npm run bench`. */
import { parseArgs } from "node:util"

export const scenarioNames = ["fanout", "memory", "sends", "storm"] as const
export type ScenarioName = (typeof scenarioNames)[number]

export const serverNames = ["floor", "socketio", "postgres", "pglite"] as const
export type ServerName = (typeof serverNames)[number]

export interface Options {
  readonly scenarios: ReadonlyArray<ScenarioName>
  readonly servers: ReadonlyArray<ServerName>
  readonly quick: boolean
  readonly json: boolean
  readonly help: boolean
}

export const usage = `npm run bench -- [options]

  --only <scenario>   ${scenarioNames.join(", ")}; may be repeated; all of them unless given
  --server <server>   ${serverNames.join(", ")}; may be repeated; all of them unless given
  --quick             short windows: a look, not a measurement
  --json              print the figures as JSON instead of tables`

/** The values given, each one of `known`; all of `known` if none is given. */
const choice = <A extends string>(
  flag: string,
  known: ReadonlyArray<A>,
  given: ReadonlyArray<string>
): ReadonlyArray<A> => {
  const unknown = given.find((value) => !known.some((name) => name === value))
  if (unknown !== undefined) throw new Error(`${flag} ${unknown}: must be one of ${known.join(", ")}`)
  return given.length === 0 ? known : known.filter((name) => given.includes(name))
}

/** Throws with a message for the user. */
export const parseOptions = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      server: { type: "string", multiple: true, default: [] },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false }
    }
  })
  return {
    scenarios: choice("--only", scenarioNames, values.only),
    servers: choice("--server", serverNames, values.server),
    quick: values.quick,
    json: values.json,
    help: values.help
  }
}
