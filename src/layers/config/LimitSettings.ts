/** The settings of `Limits`: one variable for each number of the tables in `domain/Limits`. */
import { Config, Option, Schema } from "effect"
import type { TrustLevel } from "../../domain/Identity.ts"
import {
  type Action,
  type AddressAction,
  actions,
  addressActions,
  addressDefaults,
  blockDefaults,
  type Limits,
  parseDuration,
  parseRate,
  printDuration,
  printRate,
  type Rate,
  type Rule,
  ruleDefaults,
  rules,
  type ServiceAction,
  serviceActions,
  serviceDefaults,
  trustDefaults,
  unlimited,
  userDefaults
} from "../../domain/Limits.ts"
import type { Setting } from "./SettingKinds.ts"

/** Text that `parse` understands. */
const parsed = <A>(
  name: string,
  type: string,
  fallback: A,
  parse: (text: string) => Option.Option<A>,
  print: (value: A) => string,
  doc: string
): Setting<A> => {
  const Valid = Schema.String.pipe(
    Schema.check(Schema.makeFilter((text) => (Option.isSome(parse(text)) ? undefined : `Expected ${type}`)))
  )
  const config = Config.schema(Valid, name).pipe(
    Config.map((text) => Option.getOrThrow(parse(text))),
    Config.withDefault(fallback)
  )
  return { name, doc, type, config: () => config, shown: () => print(fallback) }
}

type RateSettings<P extends string, K extends string> = {
  readonly [N in K as `${P}.${N}`]: Setting<Rate | undefined>
}

const rates = <P extends string, K extends string>(
  key: P,
  prefix: string,
  names: ReadonlyArray<K>,
  defaults: Readonly<Record<K, Rate & { readonly doc: string }>>,
  meaning: string
): RateSettings<P, K> => {
  const table: Record<string, Setting<Rate | undefined>> = {}
  for (const name of names) {
    const { doc, max, windowMs } = defaults[name]
    table[`${key}.${name}`] = parsed<Rate | undefined>(
      `${prefix}_${name.toUpperCase()}`,
      "`off`, or a rate such as `100 per 1 hour`",
      { max, windowMs },
      parseRate,
      printRate,
      `${doc}${meaning}`
    )
  }
  return table as RateSettings<P, K>
}

const trustLevels = ["suspect", "normal", "verified", "premium"] as const

const parseTrust = (text: string): Option.Option<Limits["trust"]> => {
  const factors: Record<TrustLevel, number> = { ...trustDefaults }
  for (const item of text.split(",")) {
    const [name, factor = ""] = item.trim().split(/\s+/)
    const level = trustLevels.find((known) => known === name)
    if (level === undefined || !/^\d+(\.\d+)?$/.test(factor) || Number(factor) === 0) return Option.none()
    factors[level] = Number(factor)
  }
  return Option.some(factors)
}

const printTrust = (factors: Limits["trust"]): string =>
  trustLevels.map((level) => `${level} ${factors[level]}`).join(", ")

const parseBlocks = (text: string): Option.Option<ReadonlyArray<number>> =>
  Option.all(text.split(",").map(parseDuration))

export const limitSettings = {
  ...rates("user", "RATE_LIMIT", actions, userDefaults, ", per user, times the trust in them."),
  ...rates("address", "ADDRESS_LIMIT", addressActions, addressDefaults, ", per address."),
  ...rates("service", "SERVICE_LIMIT", serviceActions, serviceDefaults, ", per service and node."),
  trustFactors: parsed(
    "TRUST_FACTORS",
    "levels and factors",
    trustDefaults,
    parseTrust,
    printTrust,
    "What the limits per user are multiplied by, by the trust level of the token."
  ),
  ...rates("suspicion", "SUSPICION", rules, ruleDefaults, "; past it they are blocked for a while."),
  blockLengths: parsed(
    "BLOCK_LENGTHS",
    "durations",
    blockDefaults,
    parseBlocks,
    (lengths) => lengths.map(printDuration).join(", "),
    "How long the first block lasts, the second within a day, and so on; the last of them for all that follow."
  )
}

type Values = {
  readonly [K in keyof typeof limitSettings]: (typeof limitSettings)[K] extends Setting<infer A> ? A : never
}

/** The limits that a configuration asks for. */
export const limitsOf = (config: Values & { readonly rateLimits: "on" | "off" }): Limits => {
  if (config.rateLimits === "off") return unlimited
  const user: Partial<Record<Action, Rate | undefined>> = {}
  for (const name of actions) user[name] = config[`user.${name}`]
  const address: Partial<Record<AddressAction, Rate | undefined>> = {}
  for (const name of addressActions) address[name] = config[`address.${name}`]
  const service: Partial<Record<ServiceAction, Rate | undefined>> = {}
  for (const name of serviceActions) service[name] = config[`service.${name}`]
  const suspicion: Partial<Record<Rule, Rate | undefined>> = {}
  for (const name of rules) suspicion[name] = config[`suspicion.${name}`]
  return {
    user: user as Limits["user"],
    address: address as Limits["address"],
    service: service as Limits["service"],
    suspicion: suspicion as Limits["suspicion"],
    trust: config.trustFactors,
    blocks: config.blockLengths
  }
}
