/**
 * Two nodes on one Postgres and one Redis, each with its own clients of the same conversations, and Redis taken from
 * them under load: nobody's send waits for Redis, and everybody ends with every message, once and in order.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"
import { readerAt, talker } from "../support/Talk.ts"

const twoNodes = Effect.gen(function* () {
  const { one, redis, two } = yield* Nodes.two({
    REDIS_TIMEOUT: "500 millis",
    REDIS_CONNECT_TIMEOUT: "1 second"
  })
  yield* Effect.all([Nodes.hasRedis(one), Nodes.hasRedis(two)])
  const alice = yield* Chat.person(one)
  const bob = Chat.at(two, yield* Chat.person(one))
  const id = yield* Chat.direct(alice, bob)
  return { redis, one, two, alice, bob, id }
})

const minutes = { timeout: 120_000 }

describe("Two nodes with one Redis", () => {
  it.live(
    "carry messages, typing and receipts to each other's clients, and nobody is interrupted",
    () =>
      Effect.gen(function* () {
        const { alice, bob, id, one, two } = yield* twoNodes
        const here = yield* readerAt(one, alice, id)
        const there = yield* readerAt(two, bob, id)

        yield* here.channel.push("typing_start")
        yield* there.channel.next("typing_indicator")
        const talkers = [yield* talker(alice, id), yield* talker(bob, id)]
        yield* Poll.until(() => talkers.every((talker) => talker.count() >= 100))
        const count = (yield* Effect.all(talkers.map((talker) => talker.end))).reduce((a, b) => a + b)
        yield* Effect.all([here.has(count), there.has(count)])
        assert.deepStrictEqual(
          [here, there].map(({ channel }) => channel.errors.all.length),
          [0, 0]
        )

        yield* there.channel.push("mark_as_read", { seq: count })
        const receipt = yield* here.channel.next<{ readonly last_read_seq: number }>("read_receipt")
        assert.strictEqual(receipt.last_read_seq, count)
        const late = yield* readerAt(one, alice, id)
        assert.strictEqual(late.channel.reply.current_seq, count)
        assert.strictEqual(late.channel.reply.read_positions[bob.user_id]?.last_read_seq, count)
        yield* late.has(count)
      }),
    minutes
  )

  it.live(
    "know each other's changes of members: who is removed on one node can do nothing on the other",
    () =>
      Effect.gen(function* () {
        const { alice, bob, one, two } = yield* twoNodes
        const carol = yield* Chat.person(one)
        const id = yield* Chat.group(alice, bob)
        const there = yield* readerAt(two, bob, id)
        const carolThere = Chat.at(two, carol)
        const shown = `/api/v1/conversations/${id}`
        assert.strictEqual((yield* carolThere.rest.request("GET", shown)).status, 403)

        yield* alice.rest.ok("POST", `${shown}/members`, { user_ids: [carol.user_id] })
        yield* there.channel.next("member_added")
        yield* carolThere.rest.ok("GET", shown)
        yield* alice.rest.ok("DELETE", `${shown}/members/${carol.user_id}`)
        yield* there.channel.next("member_removed")
        assert.strictEqual((yield* carolThere.rest.request("GET", shown)).status, 403)
      }),
    minutes
  )

  it.live(
    "close a removed member's channel on the other node when Redis is back, if it was away at the removal",
    () =>
      Effect.gen(function* () {
        const { alice, bob, one, redis, two } = yield* twoNodes
        const [id, kept] = [yield* Chat.group(alice, bob), yield* Chat.group(alice, bob)]
        const client = yield* Chat.connect(two, bob)
        yield* client.join(`user:${bob.user_id}`)
        const removed = yield* client.join(`conversation:${id}`)
        const other = yield* client.join(`conversation:${kept}`)
        yield* redis.kill9
        yield* one.outputMatching(/Redis cannot be used/)
        yield* alice.rest.ok("DELETE", `/api/v1/conversations/${id}/members/${bob.user_id}`)
        assert.strictEqual(removed.closes.all.length, 0)
        yield* redis.restart({ empty: true })
        yield* removed.closes.next()
        yield* other.push("typing_start")
        assert.strictEqual(other.closes.all.length, 0)
      }),
    minutes
  )

  it.live(
    "lose nothing when Redis is killed under load and comes back empty",
    () =>
      Effect.gen(function* () {
        const { alice, bob, id, one, redis, two } = yield* twoNodes
        const readers = [yield* readerAt(one, alice, id), yield* readerAt(two, bob, id)]
        const talkers = [yield* talker(alice, id), yield* talker(bob, id)]
        const further = (count: number) => {
          const target = talkers.map((talker) => talker.count() + count)
          return Poll.until(() => talkers.every((talker, i) => talker.count() >= target[i]!))
        }
        yield* further(50)
        for (let round = 0; round < 3; round++) {
          yield* redis.kill9
          yield* further(50)
          // Who comes while the nodes hear nothing of each other starts from what storage has.
          readers.push(yield* readerAt(two, bob, id))
          yield* further(50)
          yield* redis.restart({ empty: true })
          yield* further(50)
        }
        const count = (yield* Effect.all(talkers.map((talker) => talker.end))).reduce((a, b) => a + b)
        yield* Effect.forEach(readers, (reader) => reader.has(count), { concurrency: "unbounded" })
      }),
    minutes
  )

  it.live(
    "heal a quiet conversation, too: what was sent while Redis was silent arrives when it speaks again",
    () =>
      Effect.gen(function* () {
        const { alice, bob, id, one, redis, two } = yield* twoNodes
        const here = yield* readerAt(one, alice, id)
        const there = yield* readerAt(two, bob, id)
        const send = (client_random: number) =>
          alice.rest.ok("POST", `/api/v1/conversations/${id}/messages`, { content: "hello", client_random })
        yield* send(1)
        yield* there.has(1)
        yield* redis.stop
        yield* send(2)
        yield* here.has(2)
        yield* two.outputMatching(/Redis cannot be used/)
        yield* one.outputMatching(/Redis cannot be used/)
        yield* send(3)
        yield* here.has(3)
        assert.deepStrictEqual(there.seqs, [1])
        yield* redis.cont
        yield* there.has(3)
        assert.strictEqual(here.channel.errors.all.length, 0, "only who missed something is interrupted")
      }),
    minutes
  )
})
