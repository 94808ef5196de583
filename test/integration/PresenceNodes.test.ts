/** Who is here, seen from clients of several nodes with one Redis: also when a node is killed, and when Redis is. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "ioredis"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"

interface Shown {
  readonly metas: ReadonlyArray<{ readonly stale?: boolean }>
}

const nodes = Effect.gen(function* () {
  const { env, one, redis, two } = yield* Nodes.two({
    REDIS_TIMEOUT: "500 millis",
    REDIS_CONNECT_TIMEOUT: "1 second",
    PRESENCE_LEASE: "3 seconds"
  })
  yield* Effect.all([Nodes.hasRedis(one), Nodes.hasRedis(two)])
  return { env, redis, one, two }
})

/** A client on the topic; what it shows is what the official client's Presence makes of what it gets. */
const watch = Effect.fnUntraced(function* (app: AppProcess.RunningApp, person: Chat.Person, id: string) {
  const channel = yield* (yield* Chat.connect(app, person)).join(`conversation:${id}`)
  const shown = () =>
    channel.presence
      .list((key: string, { metas }: Shown) => (metas.some(({ stale }) => stale) ? `${key} stale` : key))
      .sort()
  return {
    first: yield* channel.next<Record<string, Shown>>("presence_state"),
    leaves: () =>
      channel
        .received<{ readonly leaves: object }>("presence_diff")
        .flatMap(({ leaves }) => Object.keys(leaves)),
    shows: (...people: ReadonlyArray<string>) =>
      Poll.until(() => JSON.stringify(shown()) === JSON.stringify([...people].sort()), {
        what: `${people.join(", ")} on ${app.url}`
      })
  }
})

/** Waits until so many devices of the conversation are written for other nodes, a moment after their own shows them. */
const areWritten = Effect.fnUntraced(function* (redisUrl: string, id: string, count: number) {
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => new Redis(redisUrl)),
    (client) => Effect.sync(() => client.disconnect())
  )
  yield* Poll.until(async () => (await client.hlen(`messaging:presence:conversation:${id}`)) === count, {
    what: `${count} devices in Redis`
  })
})

const minutes = { timeout: 120_000 }

describe("Presence on several nodes", () => {
  it.live(
    "shows everyone on every node; a killed node's users leave within 10 seconds, and leave no ghost",
    () =>
      Effect.gen(function* () {
        const { env, one, redis, two } = yield* nodes
        const alice = yield* Chat.person(one)
        const [bob, carol] = [yield* Chat.person(one), yield* Chat.person(one)]
        const id = yield* Chat.group(alice, bob, carol)
        const here = yield* watch(one, alice, id)
        yield* here.shows(alice.user_id)
        yield* areWritten(redis.url, id, 1)
        const there = yield* watch(two, Chat.at(two, bob), id)
        assert.hasAllKeys(there.first, [alice.user_id, bob.user_id], "the state has who is on other nodes")
        yield* Effect.all([here, there].map(({ shows }) => shows(alice.user_id, bob.user_id)))

        yield* one.kill("SIGKILL")
        yield* there.shows(bob.user_id)
        const again = yield* AppProcess.start({ env })
        const back = yield* watch(again, Chat.at(again, carol), id)
        yield* back.shows(bob.user_id, carol.user_id)
        yield* there.shows(bob.user_id, carol.user_id)
      }),
    minutes
  )

  it.live(
    "goes on on each node while Redis is away, marks the others' users, and heals without anyone leaving",
    () =>
      Effect.gen(function* () {
        const { one, redis, two } = yield* nodes
        const alice = yield* Chat.person(one)
        const [bob, carol] = [yield* Chat.person(one), yield* Chat.person(one)]
        const id = yield* Chat.group(alice, bob, carol)
        const here = yield* watch(one, alice, id)
        const there = yield* watch(two, Chat.at(two, bob), id)
        yield* Effect.all([here, there].map(({ shows }) => shows(alice.user_id, bob.user_id)))

        yield* redis.kill9
        yield* Effect.all([
          here.shows(alice.user_id, `${bob.user_id} stale`),
          there.shows(`${alice.user_id} stale`, bob.user_id)
        ])
        yield* watch(one, carol, id)
        yield* here.shows(alice.user_id, `${bob.user_id} stale`, carol.user_id)

        yield* redis.restart({ empty: true })
        const everyone = [alice, bob, carol].map(({ user_id }) => user_id)
        yield* Effect.all([here, there].map(({ shows }) => shows(...everyone)))
        assert.deepStrictEqual([here.leaves(), there.leaves()], [[], []])
      }),
    minutes
  )
})
