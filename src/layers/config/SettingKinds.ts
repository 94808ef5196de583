/** The kinds of environment variables there are: how each is read, checked, defaulted and shown. `Settings` has the table. */
import { isIP } from "node:net"
import { Config, Duration, Option, Redacted, Schema, SchemaTransformation } from "effect"
import * as Origin from "../../domain/protocol/Origin.ts"
import { makeRules, RuleMode } from "../content/ContentRules.ts"

export const AppEnv = ["dev", "test", "prod", "kube"] as const
export type AppEnv = (typeof AppEnv)[number]

export interface Setting<A> {
  readonly name: string
  readonly doc: string
  readonly type: string
  readonly config: (env: AppEnv) => Config.Config<A>
  /** The default as the documentation shows it. */
  readonly shown: (env: AppEnv) => string
}

/** One default for all, or one for dev and test and another for prod and kube. */
type Defaults<A> = A | { readonly local: A; readonly deployed: A }

const pick = <A extends string | number | boolean>(defaults: Defaults<A>, env: AppEnv): A => {
  if (typeof defaults !== "object") return defaults
  return env === "dev" || env === "test" ? defaults.local : defaults.deployed
}

const setting =
  <A extends string | number | boolean>(type: string, parse: (name: string) => Config.Config<A>) =>
  (name: string, defaults: Defaults<A>, doc: string): Setting<A> => ({
    name,
    doc,
    type,
    config: (env) => parse(name).pipe(Config.withDefault(pick(defaults, env))),
    shown: (env) => String(pick(defaults, env))
  })

export const text = setting<string>("text", Config.String)
export const int = setting<number>("integer", Config.Int)
const positive = Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0)))
const portNumber = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })))
export const count = setting<number>("integer above 0", (name) => Config.schema(positive, name))
export const flag = setting<boolean>("`true` or `false`", Config.Boolean)
export const port = setting<number>("port, 0 for a free one", (name) => Config.schema(portNumber, name))

export const ratio = setting<number>("from 0 to 1", (name) =>
  Config.schema(Schema.Number.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 }))), name)
)

export const duration = (
  name: string,
  defaults: Duration.Input & string,
  doc: string
): Setting<Duration.Duration> => ({
  name,
  doc,
  type: "duration, such as `30 seconds`",
  config: () => Config.Duration(name).pipe(Config.withDefault(Duration.fromInputUnsafe(defaults))),
  shown: () => defaults
})

export const choice = <const A extends string>(
  name: string,
  options: ReadonlyArray<A>,
  defaults: Defaults<A>,
  doc: string
): Setting<A> => ({
  name,
  doc,
  type: options.map((o) => `\`${o}\``).join(", "),
  config: (env) =>
    Config.Literals(options, name).pipe(Config.withDefault(pick(defaults as Defaults<string>, env) as A)),
  shown: (env) => pick(defaults as Defaults<string>, env)
})

export const optional = <A>(
  type: string,
  parse: (name: string) => Config.Config<A>,
  name: string,
  doc: string
): Setting<A | undefined> => ({
  name,
  doc,
  type,
  config: () => Config.option(parse(name)).pipe(Config.map(Option.getOrUndefined)),
  shown: () => "unset"
})

export const secret = (name: string, doc: string): Setting<Redacted.Redacted | undefined> =>
  optional("URL (secret)", Config.Redacted, name, doc)

/** A peer over TLS has a certificate of its name, and no name is an address. */
const PeerUrl = Schema.URLFromString.pipe(
  Schema.check(
    Schema.makeFilter(
      ({ hostname, pathname, port, protocol, search }) =>
        port !== "" &&
        pathname === "" &&
        search === "" &&
        (protocol === "grpc:" || (protocol === "grpcs:" && isIP(hostname) === 0)),
      { expected: "grpc://host:port, or grpcs://name:port for TLS" }
    )
  )
)

export const peer = (name: string, doc: string): Setting<URL | undefined> =>
  optional("`grpc:` or `grpcs:` URL", (name) => Config.schema(PeerUrl, name), name, doc)

const split = (value: string): ReadonlyArray<string> =>
  value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

export const list = (name: string, doc: string): Setting<ReadonlyArray<string>> => ({
  name,
  doc,
  type: "comma-separated",
  config: () => Config.String(name).pipe(Config.withDefault(""), Config.map(split)),
  shown: () => "empty"
})

/** One address is the network of that address. */
const withPrefix = (text: string): string =>
  text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`

const Networks = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Array(Schema.IpNetworkFromString),
    SchemaTransformation.transform({
      decode: (text: string): ReadonlyArray<string> => split(text).map(withPrefix),
      encode: (networks: ReadonlyArray<string>) => networks.join(",")
    })
  )
)

export const networks = (name: string, doc: string): Setting<typeof Networks.Type> => ({
  name,
  doc,
  type: "comma-separated networks or addresses",
  config: () => Config.schema(Networks, name).pipe(Config.withDefault([])),
  shown: () => "empty"
})

const Origins = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Array(
      Schema.String.pipe(
        Schema.check(
          Schema.makeFilter(Origin.isEntry, {
            expected: "an origin such as https://chat.example.com, //*.example.com, :conn or *"
          })
        )
      )
    ),
    SchemaTransformation.transform({
      decode: (text: string): ReadonlyArray<string> => split(text),
      encode: (origins: ReadonlyArray<string>) => origins.join(",")
    })
  )
)

export const origins = (name: string, doc: string): Setting<ReadonlyArray<string>> => ({
  name,
  doc,
  type: "comma-separated",
  config: () => Config.schema(Origins, name).pipe(Config.withDefault([])),
  shown: () => "empty"
})

const ruleNames = Object.keys(makeRules([]))
const ruleModes = new RegExp(`^(?:${ruleNames.join("|")})=(?:${RuleMode.join("|")})$`)

const RuleModes = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Array(
      Schema.String.pipe(
        Schema.check(
          Schema.isPattern(ruleModes, {
            expected: `rule=mode, of the rules ${ruleNames.join(", ")} and the modes ${RuleMode.join(", ")}`
          })
        )
      )
    ),
    SchemaTransformation.transform({
      decode: (text: string): ReadonlyArray<string> => split(text),
      encode: (modes: ReadonlyArray<string>) => modes.join(",")
    })
  )
)

export const rules = (name: string, doc: string): Setting<Readonly<Record<string, RuleMode>>> => ({
  name,
  doc,
  type: "comma-separated `rule=mode`",
  config: () =>
    Config.schema(RuleModes, name).pipe(
      Config.withDefault([]),
      Config.map((modes) => Object.fromEntries(modes.map((mode) => mode.split("="))))
    ),
  shown: () => "empty"
})

const Header = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^[!#$%&'*+.^`|~\w-]+=[\x20-\x7e]+$/, { expected: "name=value" }))
)

const Headers = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Array(Header),
    SchemaTransformation.transform({
      decode: (text: string): ReadonlyArray<string> => split(text),
      encode: (headers: ReadonlyArray<string>) => headers.join(",")
    })
  )
)

export const headers = (
  name: string,
  doc: string
): Setting<Redacted.Redacted<Readonly<Record<string, string>>>> => ({
  name,
  doc,
  type: "comma-separated `name=value` (secret)",
  config: () =>
    Config.schema(Headers, name).pipe(
      Config.withDefault([]),
      Config.map((headers) =>
        Redacted.make(
          Object.fromEntries(
            headers.map((header) => [
              header.slice(0, header.indexOf("=")),
              header.slice(header.indexOf("=") + 1)
            ])
          )
        )
      )
    ),
  shown: () => "empty"
})
