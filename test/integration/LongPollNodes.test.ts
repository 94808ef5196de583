/**
 * Long-poll where each request of a client meets another process: the official client's session stays one, loses nothing,
 * and starts anew by itself when its process is gone.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "ioredis"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as HttpDoor from "../support/HttpDoor.ts"
import * as Nodes from "../support/Nodes.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import * as Poll from "../support/Poll.ts"
import { CheckedReader } from "../support/Talk.ts"

const portOf = (app: AppProcess.RunningApp) => Number(new URL(app.url).port)

/** A node listens before it has reached Redis, and until then others cannot know where it is. */
const knowEachOther = Effect.fnUntraced(function* (redisUrl: string, count: number) {
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => new Redis(redisUrl)),
    (client) => Effect.sync(() => client.disconnect())
  )
  yield* Poll.until(async () => (await redis.keys("messaging:node:*")).length === count, {
    deadline: 30_000,
    what: `the addresses of ${count} nodes`
  })
})

/** Polls and pushes through the door. */
const polling = Effect.fnUntraced(function* (
  door: HttpDoor.HttpDoor,
  person: Chat.Person,
  id: string,
  module: PhoenixClient.PhoenixModule
) {
  const client = yield* PhoenixClient.connect({
    url: door.wsUrl,
    module,
    params: { token: person.token },
    transport: module.LongPoll
  })
  const reader = new CheckedReader(client, id, { fromStart: true })
  yield* reader.channel.joined
  return { client, reader }
})

type Polling = Effect.Success<ReturnType<typeof polling>>

/** `count` messages, of which every other one comes over the long-poll channel itself; ends when it has them all. */
const exchange = Effect.fnUntraced(function* (
  { reader }: Polling,
  others: ReadonlyArray<Chat.Person>,
  id: string,
  from: number,
  count: number
) {
  for (let n = from; n < from + count; n++) {
    const message = { content: `message ${n}`, client_random: n }
    if (n % 2 === 0) yield* reader.channel.push("send_message", message)
    else yield* others[n % others.length]!.rest.ok("POST", `/api/v1/conversations/${id}/messages`, message)
  }
  yield* reader.has(from + count)
})

describe("A long-poll client behind three nodes", () => {
  // Version 1.7 polls only where there is a `window`.
  it.live.each(["1.8.12", "1.8.16"] as const)(
    "has one session, whichever node its requests meet, and another when that node is killed: phoenix %s",
    (version) =>
      Effect.gen(function* () {
        const { env, redis } = yield* Nodes.ground()
        const start = AppProcess.start({ env })
        const nodes = [yield* start, yield* start, yield* start] as const
        yield* knowEachOther(redis.url, nodes.length)
        const alice = yield* Chat.person(nodes[0])
        const bob = yield* Chat.person(nodes[0])
        const id = yield* Chat.direct(alice, bob)
        const door = yield* HttpDoor.make(nodes.map(portOf))

        const client = yield* polling(door, alice, id, PhoenixClient.versions[version])
        yield* exchange(
          client,
          nodes.map((node) => Chat.at(node, bob)),
          id,
          0,
          30
        )
        assert.strictEqual(client.client.opens.all.length, 1)
        for (const node of nodes) {
          assert.isAbove(door.answered.filter((port) => port === portOf(node)).length, 5)
        }

        // The first GET opened the session there.
        const [owner, ...others] = nodes.toSorted((a) => (portOf(a) === door.answered[0] ? -1 : 1))
        yield* owner!.kill("SIGKILL")
        yield* Poll.until(() => client.client.opens.all.length > 1, {
          deadline: 20_000,
          what: "a new session"
        })
        yield* Poll.until(() => client.reader.channel.joins.all.length > 1, { what: "the channel again" })
        yield* exchange(
          client,
          others.map((node) => Chat.at(node, bob)),
          id,
          30,
          10
        )
      }),
    { timeout: 120_000 }
  )
})

describe("A long-poll client of two workers on one port", () => {
  it.live(
    "has one session, whichever worker its requests meet",
    () =>
      Effect.gen(function* () {
        const { env, redis } = yield* Nodes.ground()
        const app = yield* AppProcess.start({ args: ["start", "--workers", "2"], env })
        yield* Poll.until(() => (app.output().match(/listening http=/g) ?? []).length >= 2, {
          deadline: 30_000,
          what: "two workers that listen"
        })
        yield* knowEachOther(redis.url, 2)
        const alice = yield* Chat.person(app)
        const bob = yield* Chat.person(app)
        const id = yield* Chat.direct(alice, bob)
        // Each request comes over a connection of its own, for which the kernel picks a worker.
        const door = yield* HttpDoor.make([portOf(app)])
        const client = yield* polling(door, alice, id, PhoenixClient.versions["1.8.16"])
        yield* exchange(client, [Chat.at(app, bob)], id, 0, 40)
        assert.strictEqual(client.client.opens.all.length, 1)
      }),
    { timeout: 120_000 }
  )
})
