/**
 * The limits of what people may do, as data: how often each action, by whom, multiplied by how much they are trusted;
 * which behaviour is suspicious; how long the blocks are that follow. Every number is a setting with the default here.
 */
import { Duration, Option } from "effect"
import type { TrustLevel } from "./Identity.ts"

/** So many in each window of time. A window begins with the first of them. */
export interface Rate {
  readonly max: number
  readonly windowMs: number
}

/** What is limited per user. */
export const actions = [
  "message",
  "media",
  "reaction",
  "typing",
  "search",
  "presence",
  "connection",
  "group_creation",
  "contact_add",
  "report",
  "change",
  "sign_out",
  "keyed_request"
] as const
export type Action = (typeof actions)[number]

/** What is limited per address: an IPv4 address, or the /64 of an IPv6 address. */
export const addressActions = ["connection", "auth_attempts"] as const
export type AddressAction = (typeof addressActions)[number]

/** What is limited per service that calls over gRPC, by each node for itself. */
export const serviceActions = ["calls"] as const
export type ServiceAction = (typeof serviceActions)[number]

/** Behaviour that no person shows. Who goes past one of these is blocked for a while. */
export const rules = [
  "messages",
  "unanswered",
  "connections",
  "joins",
  "rejected_content",
  "bad_tokens"
] as const
export type Rule = (typeof rules)[number]

/** `undefined`: unlimited. */
export interface Limits {
  readonly user: Readonly<Record<Action, Rate | undefined>>
  readonly address: Readonly<Record<AddressAction, Rate | undefined>>
  readonly service: Readonly<Record<ServiceAction, Rate | undefined>>
  readonly suspicion: Readonly<Record<Rule, Rate | undefined>>
  /** Multiplies the limits per user. */
  readonly trust: Readonly<Record<TrustLevel, number>>
  /** Milliseconds of the first block, the second, …; the last of them for all that follow. */
  readonly blocks: ReadonlyArray<number>
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** What each limit counts, for the documentation. */
interface Described extends Rate {
  readonly doc: string
}

const per = (max: number, windowMs: number, doc: string): Described => ({ max, windowMs, doc })

export const userDefaults: Readonly<Record<Action, Described>> = {
  message: per(
    1000,
    HOUR,
    "Messages sent and edited; metadata of conversations, and of attachments added later"
  ),
  media: per(100, HOUR, "Attachments, with messages or added later"),
  reaction: per(1000, HOUR, "Reactions and pins, set and taken back"),
  typing: per(1000, HOUR, "Typing indicators started"),
  search: per(500, HOUR, "Searches, of messages and of conversations"),
  presence: per(20_000, HOUR, "Users whose presence is asked for, or begun to be watched"),
  connection: per(200, HOUR, "Connections: WebSocket, long-poll, streams of typed RPC"),
  group_creation: per(10, DAY, "Groups created"),
  contact_add: per(50, DAY, "Direct conversations begun, and additions of members, whatever their number"),
  report: per(20, DAY, "Reports"),
  change: per(
    2000,
    HOUR,
    "Settings and roles changed, members removed; one's own settings and preferences; drafts saved, messages scheduled"
  ),
  sign_out: per(100, HOUR, "Devices signed out one by one, also by who is blocked"),
  keyed_request: per(2000, HOUR, "Requests with an `Idempotency-Key`, which is remembered for a day")
}

export const addressDefaults: Readonly<Record<AddressAction, Described>> = {
  connection: per(100, HOUR, "Connections: WebSocket, long-poll, streams of typed RPC"),
  auth_attempts: per(
    20,
    HOUR,
    "Tokens refused; past it none is looked at. One that expired or was revoked does not count"
  )
}

export const serviceDefaults: Readonly<Record<ServiceAction, Described>> = {
  calls: per(5000, 5_000, "gRPC calls. So many at once, and as many again in each such time, evenly")
}

export const ruleDefaults: Readonly<Record<Rule, Described>> = {
  messages: per(50, MINUTE, "Messages of a user"),
  unanswered: per(
    10,
    10_000,
    "Messages of a user to one conversation, in which nobody else has written since"
  ),
  connections: per(20, 5 * MINUTE, "Connections of a user"),
  joins: per(30, MINUTE, "Conversations joined by a user. A rejoin with `last_seq` does not count"),
  rejected_content: per(5, 10 * MINUTE, "Messages of a user that the content policy refused"),
  bad_tokens: per(
    10,
    5 * MINUTE,
    "Tokens of an address refused. One that expired or was revoked does not count"
  )
}

export const trustDefaults: Limits["trust"] = { suspect: 0.1, normal: 1, verified: 2, premium: 3 }

export const blockDefaults: Limits["blocks"] = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, DAY]

/** How long after its end a block is remembered: the next within this time is a longer one. */
export const BLOCK_MEMORY = DAY

export const defaults: Limits = {
  user: userDefaults,
  address: addressDefaults,
  service: serviceDefaults,
  suspicion: ruleDefaults,
  trust: trustDefaults,
  blocks: blockDefaults
}

const nothing = <K extends string>(keys: ReadonlyArray<K>): Record<K, undefined> => {
  const table: Partial<Record<K, undefined>> = {}
  for (const key of keys) table[key] = undefined
  return table as Record<K, undefined>
}

/** Nothing is limited. */
export const unlimited: Limits = {
  ...defaults,
  user: nothing(actions),
  address: nothing(addressActions),
  service: nothing(serviceActions),
  suspicion: nothing(rules)
}

/** The rate for somebody trusted so much: at least one, or nobody could do it at all. */
export const scaled = ({ max, windowMs }: Rate, factor: number): Rate => ({
  max: Math.max(1, Math.floor(max * factor)),
  windowMs
})

/** The length of a block, given how many came before it. */
export const blockLength = (blocks: Limits["blocks"], previous: number): number =>
  blocks[Math.min(previous, blocks.length - 1)] ?? 0

const units = [
  ["day", DAY],
  ["hour", HOUR],
  ["minute", MINUTE],
  ["second", 1000]
] as const

/** `5 minutes`, `1 hour`, `90 seconds` */
export const printDuration = (ms: number): string => {
  const [unit, size] = units.find(([, size]) => ms >= size && ms % size === 0) ?? (["milli", 1] as const)
  const count = ms / size
  return `${count} ${unit}${count === 1 ? "" : "s"}`
}

/** `1000 per 1 hour`, or `off` */
export const printRate = (rate: Rate | undefined): string =>
  rate === undefined ? "off" : `${rate.max} per ${printDuration(rate.windowMs)}`

export const parseDuration = (text: string): Option.Option<number> =>
  Duration.fromInput(text.trim() as Duration.Input).pipe(
    Option.map(Duration.toMillis),
    Option.filter((ms) => Number.isSafeInteger(ms) && ms > 0)
  )

const RATE = /^\s*(\d{1,9})\s+per\s+(.+?)\s*$/

/** What `printRate` prints; `none` for anything else. */
export const parseRate = (text: string): Option.Option<Rate | undefined> => {
  if (text.trim() === "off") return Option.some(undefined)
  const [, max, window] = RATE.exec(text) ?? []
  if (max === undefined || window === undefined || Number(max) === 0) return Option.none()
  return Option.map(parseDuration(window), (windowMs) => ({ max: Number(max), windowMs }))
}

/** One of the tables, as `docs/limits.md` shows it. */
export const toMarkdownTable = (prefix: string, table: Readonly<Record<string, Described>>): string =>
  [
    "| what | default | variable |",
    "|---|---|---|",
    ...Object.entries(table).map(
      ([name, rate]) => `| ${rate.doc} | ${printRate(rate)} | \`${prefix}_${name.toUpperCase()}\` |`
    )
  ].join("\n")
