/**
 * One run of hostile input: malformed frames, requests, protos and tokens on a service as it runs, over a real Postgres. It
 * must live, answer nothing with a mistake of its own, give nobody what is not theirs, believe no forgery, hold on to
 * nothing, and be as large in the end as it was when it was warm.
 */
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import { chance } from "../support/Chance.ts"
import * as Chat from "../support/Chat.ts"
import * as GrpcClient from "../support/GrpcClient.ts"
import * as Poll from "../support/Poll.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as Frames from "./Frames.ts"
import * as Protos from "./Protos.ts"
import * as Requests from "./Requests.ts"
import { type Attack, SECRET, type Target, type Toll } from "./Target.ts"
import * as Tokens from "./Tokens.ts"

export interface HostileOptions {
  readonly seed: number
  /** Of all kinds together. */
  readonly inputs: number
  readonly log: (line: string) => void
}

/** Which part of the inputs is of which kind. */
const kinds: ReadonlyArray<readonly [name: string, attack: Attack, part: number]> = [
  ["frames", Frames.attack, 0.4],
  ["requests", Requests.attack, 0.25],
  ["protos", Protos.attack, 0.1],
  ["tokens", Tokens.attack, 0.25]
]

/** Rounds of all kinds, so that memory can be looked at in between. */
const ROUNDS = 5

const MiB = 2 ** 20

/** How much larger than after the first round the process may be after the last: what a garbage collector leaves behind. */
const GROWTH = { factor: 1.25, bytes: 48 * MiB }

const metrics = (target: Target) =>
  Effect.promise(async () => (await fetch(`${target.app.url}/metrics`)).text())

/** The sum over all series of a name. */
const sumOf = (text: string, name: string): number =>
  Array.from(text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, "gm"))).reduce(
    (sum, [, value]) => sum + Number(value),
    0
  )

interface Sent {
  readonly id: string
}

const targetOf = Effect.fnUntraced(function* (app: AppProcess.RunningApp) {
  const [attacker, friend, alice, bob] = [
    yield* Chat.person(app),
    yield* Chat.person(app),
    yield* Chat.person(app),
    yield* Chat.person(app)
  ]
  const own = yield* Chat.group(attacker, friend)
  const foreign = yield* Chat.group(alice, bob)
  const send = (who: Chat.Person, id: string, content: string) =>
    who.rest.ok<Sent>("POST", `/api/v1/conversations/${id}/messages`, { content, client_random: 1 })
  const target: Target = {
    app,
    own,
    foreign,
    token: attacker.token,
    serviceToken: (yield* app.token({ scope: "service" })).token,
    ownMessage: (yield* send(attacker, own, "mine")).id,
    foreignMessage: (yield* send(alice, foreign, SECRET)).id,
    foreignUser: alice.user_id
  }
  return { alice, attacker, target }
})

/** What is held of connections and calls is let go of. */
const settled = (target: Target) =>
  Poll.until(
    Effect.map(
      metrics(target),
      (text) => sumOf(text, "sockets_open") === 0 && sumOf(text, "grpc_server_calls_under_way") === 0
    ),
    { what: "the end of all sockets and calls", deadline: 60_000 }
  )

/** The least of several looks, since a garbage collector has its own time. */
const memory = Effect.fnUntraced(function* (target: Target) {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 5; look++) {
    yield* Effect.sleep(200)
    least = Math.min(least, sumOf(yield* metrics(target), "process_resident_memory_bytes"))
  }
  return least
})

export const run = Effect.fnUntraced(function* ({ inputs, log, seed }: HostileOptions) {
  const postgres = yield* PostgresServer.make({ fsync: false })
  const app = yield* AppProcess.start({
    env: { APP_ENV: "dev", LOG_FORMAT: "json", DATABASE_URL: postgres.url }
  })
  const { alice, attacker, target } = yield* targetOf(app)
  const before = yield* Chat.history(alice, target.foreign)
  const toll: Toll = { outcomes: new Map(), wrong: [] }
  const by = chance(seed)
  const sizes: Array<number> = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, attack, part] of kinds) {
      const times = Math.ceil((inputs * part) / ROUNDS)
      const started = performance.now()
      yield* Effect.promise(() => attack(target, by, times, toll))
      log(`${times} ${name} in ${((performance.now() - started) / 1000).toFixed(1)} s`)
    }
    yield* settled(target)
    sizes.push(yield* memory(target))
    log(`${Math.round(sizes.at(-1)! / MiB)} MiB, ${toll.wrong.length} wrong`)
  }

  const { wrong } = toll
  const text = yield* metrics(target)
  if (sumOf(text, "supervisor_restarts_total") > 0) wrong.push("something of it crashed and was restarted")
  if (sumOf(text, "live_nodes") > 1) wrong.push("there is more than one of it")
  for (const line of app.output().matchAll(/^.*"level":"(?:ERROR|FATAL)".*$/gm)) {
    wrong.push(`it logged ${line[0].slice(0, 500)}`)
  }
  const after = yield* Chat.history(alice, target.foreign)
  if (JSON.stringify(after) !== JSON.stringify(before)) wrong.push("the others' conversation has changed")
  const [warm, last] = [sizes[0]!, sizes.at(-1)!]
  if (last > warm * GROWTH.factor + GROWTH.bytes) {
    wrong.push(`it grew from ${Math.round(warm / MiB)} to ${Math.round(last / MiB)} MiB`)
  }
  // And it serves as before, on every edge.
  const sent = yield* attacker.rest.request("POST", "/api/v1/conversations", {
    type: "group",
    member_ids: []
  })
  if (sent.status !== 201) wrong.push(`it answered a good request with ${sent.status}`)
  const client = yield* Chat.connect(app, alice)
  yield* client.join(`conversation:${target.foreign}`)
  const { call } = yield* GrpcClient.connect({ port: app.grpcPort! })
  yield* call(
    "messaging.MessagingService",
    "GetConversationStats",
    { conversation_id: target.foreign },
    { token: target.serviceToken }
  )
  return { wrong, outcomes: toll.outcomes, sizes }
})
