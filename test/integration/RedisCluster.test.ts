/**
 * Two nodes with a Redis Cluster, under load, while what carries their conversation moves from master to master, and
 * then dies: sends are acknowledged as always, everybody ends with every message, and all heals without a restart.
 */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { slotOf } from "../../src/layers/redis/KeySlot.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"
import * as RedisCluster from "../support/RedisCluster.ts"
import { readerAt, talker } from "../support/Talk.ts"

interface Report {
  readonly status: string
  readonly checks: ReadonlyArray<{ readonly name: string; readonly detail?: string }>
}

const reportOf = (app: AppProcess.RunningApp) =>
  Effect.promise(async () => (await (await fetch(`${app.url}/health/ready`)).json()) as Report)

describe("Two nodes with a Redis Cluster", () => {
  it.live(
    "lose nothing when a conversation's channel moves to another master, and when its master dies",
    () =>
      Effect.gen(function* () {
        const cluster = yield* RedisCluster.make
        const { env } = yield* Nodes.groundOn(cluster.url, {
          REDIS_TIMEOUT: "500 millis",
          REDIS_CONNECT_TIMEOUT: "1 second"
        })
        const [one, two] = [yield* AppProcess.start({ env }), yield* AppProcess.start({ env })]
        yield* Effect.all([Nodes.hasRedis(one), Nodes.hasRedis(two)])
        const alice = yield* Chat.person(one)
        const bob = Chat.at(two, yield* Chat.person(one))
        const [lost, other] = cluster.masters
        const channelOf = (id: string) => `messaging:topic:conversation:${id}`
        const id = yield* Poll.until(
          Effect.map(Chat.group(alice, bob), (id) =>
            cluster.ownerOf(channelOf(id)) === lost ? id : undefined
          )
        )
        const readers = [yield* readerAt(one, alice, id), yield* readerAt(two, bob, id)]
        const talkers = [yield* talker(alice, id), yield* talker(bob, id)]
        const further = (count: number) => {
          const target = talkers.map((talker) => talker.count() + count)
          return Poll.until(() => talkers.every((talker, i) => talker.count() >= target[i]!))
        }
        yield* further(30)
        for (const [from, to] of [
          [lost, other],
          [other, lost]
        ] as const) {
          const { finish } = yield* cluster.beginMove(slotOf(channelOf(id)), from, to)
          yield* further(10)
          yield* finish
          yield* further(30)
        }
        yield* Effect.all([Nodes.hasRedis(one), Nodes.hasRedis(two)])

        const mayTakeOver = (may: boolean) =>
          cluster.replica.call("CONFIG", "SET", "cluster-replica-no-failover", may ? "no" : "yes")
        // Until health has told of it, which it finds out once a second.
        yield* mayTakeOver(false)
        yield* lost.server.kill9
        yield* Poll.until(
          Effect.map(reportOf(two), ({ checks, status }) => {
            const detail = checks.find(({ name }) => name === "redis")?.detail
            return status === "degraded" && detail?.includes("pubsub")
          }),
          { what: "health to tell of the lost master" }
        )
        yield* mayTakeOver(true)
        yield* further(50)
        yield* Effect.all([Nodes.hasRedis(one), Nodes.hasRedis(two)])
        yield* further(30)
        const count = (yield* Effect.all(talkers.map((talker) => talker.end))).reduce((a, b) => a + b)
        yield* Effect.forEach(readers, (reader) => reader.has(count), { concurrency: "unbounded" })
      }),
    { timeout: 180_000 }
  )
})
