/**
 * Three nodes that share the conversations: each has one owner, whichever node is asked, and nobody who talks notices
 * when the owner is killed, frozen or told to stop.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as RedisServer from "../support/RedisServer.ts"
import { readerAt, talker } from "../support/Talk.ts"

const ACTORS = "Application/Realtime/ConversationSupervisor/"

/** The conversations whose actors live on the node that `admin` talks to. */
const activeAt = (admin: Chat.Person) =>
  Effect.map(
    admin.rest.ok<{ readonly nodes: ReadonlyArray<{ readonly id: string; readonly path: string }> }>(
      "GET",
      "/api/v1/admin/tree"
    ),
    ({ nodes }) => nodes.filter(({ path }) => path.startsWith(ACTORS)).map(({ id }) => id)
  )

const threeNodes = Effect.gen(function* () {
  const { env } = yield* Nodes.ground({ CLUSTER: "on" })
  const start = AppProcess.start({ env })
  const nodes = [yield* start, yield* start, yield* start] as const
  yield* Effect.forEach(nodes, Nodes.hasRedis)
  const alice = yield* Chat.person(nodes[0], { scope: "admin" })
  const bob = yield* Chat.person(nodes[0])
  const at = (node: AppProcess.RunningApp) => ({ alice: Chat.at(node, alice), bob: Chat.at(node, bob) })
  const people = nodes.map(at)

  /** Conversations are asked for on all nodes until each node has some that no other has. */
  const conversations = Effect.gen(function* () {
    const ids: Array<string> = []
    const owned = yield* Poll.until(
      Effect.gen(function* () {
        ids.push(yield* Chat.group(alice, bob))
        const active = yield* Effect.forEach(people, ({ alice }) => activeAt(alice))
        // Who was asked while the shards were being shared out may hold an actor that has its place elsewhere by now.
        const held = active.flat()
        const owned = active.map((ids) => ids.filter((id) => held.indexOf(id) === held.lastIndexOf(id)))
        return owned.every((ids) => ids.length > 0) ? owned : undefined
      }),
      { deadline: 20_000, what: "conversations on every node" }
    )
    return { ids, owned }
  })
  return { nodes, start, people, conversations, at }
})

const minutes = { timeout: 120_000 }

/** Conversations whose owners are looked for at a time. */
const NEW = 20

describe("Three nodes in a cluster", () => {
  it.live(
    "have one owner for each conversation, whichever of them is asked",
    () =>
      Effect.gen(function* () {
        const { conversations, people } = yield* threeNodes
        const sendToAll = Effect.fnUntraced(function* (id: string) {
          for (const [i, { alice }] of people.entries()) {
            const sent = yield* alice.rest.ok<{ readonly seq: number }>(
              "POST",
              `/api/v1/conversations/${id}/messages`,
              { content: "hello", client_random: i }
            )
            assert.strictEqual(sent.seq, i + 1)
          }
        })
        const { ids } = yield* conversations
        yield* Effect.forEach(ids, sendToAll)
        /** Of new ones, asked for on all nodes: how many are held by one node alone. */
        const ownedAlone = Effect.gen(function* () {
          const fresh = yield* Effect.forEach(Array.from({ length: NEW }), () =>
            Chat.group(people[0]!.alice, people[0]!.bob)
          )
          yield* Effect.forEach(fresh, sendToAll)
          const active = (yield* Effect.forEach(people, ({ alice }) => activeAt(alice))).flat()
          return fresh.filter((id) => active.filter((other) => other === id).length === 1).length
        })
        // While shards are still being shared out, or where an owner takes its time, a second node has done the work.
        let alone = 0
        for (let attempt = 0; attempt < 10 && alone < NEW; attempt++) alone = yield* ownedAlone
        assert.strictEqual(alone, NEW)
        // The owner refuses as the node asked would have.
        const stranger = `/api/v1/conversations/${crypto.randomUUID()}`
        for (const { alice } of people) {
          const { body, status } = yield* alice.rest.request<{ readonly type: string }>("GET", stranger)
          assert.strictEqual(status, 403)
          assert.match(body.type, /not_member$/)
        }
      }),
    minutes
  )

  for (const [what, signal] of [
    ["killed", "SIGKILL"],
    ["frozen", "SIGSTOP"]
  ] as const) {
    it.live(
      `go on when one is ${what}: every send is acknowledged within seconds, nothing is lost or out of order`,
      () =>
        Effect.gen(function* () {
          const { conversations, nodes, people } = yield* threeNodes
          const { owned } = yield* conversations
          const lost = nodes[2]
          // One of the victim's own, and one of each survivor's.
          const ids = owned.map((active) => active[0]!)
          const readers = yield* Effect.forEach(ids, (id) =>
            Effect.all([readerAt(nodes[0], people[0]!.alice, id), readerAt(nodes[1], people[1]!.bob, id)])
          )
          const talkers = yield* Effect.forEach(ids, (id) =>
            Effect.all([talker(people[0]!.alice, id), talker(people[1]!.bob, id)])
          )
          const further = (count: number) => {
            const target = talkers.flat().map((talker) => talker.count() + count)
            return Poll.until(() => talkers.flat().every((talker, i) => talker.count() >= target[i]!), {
              deadline: 30_000
            })
          }
          yield* further(30)
          yield* lost.kill(signal)
          yield* further(60)
          if (signal === "SIGSTOP") {
            yield* lost.kill("SIGCONT")
            yield* further(30)
          }
          for (const [i, pair] of talkers.entries()) {
            const count = (yield* Effect.all(pair.map((talker) => talker.end))).reduce((a, b) => a + b)
            yield* Effect.all(readers[i]!.map((reader) => reader.has(count)))
          }
        }),
      minutes
    )
  }

  it.live(
    "are restarted one after the other under load, and no send fails after its retry",
    () =>
      Effect.gen(function* () {
        const { at, conversations, nodes, start } = yield* threeNodes
        const { owned } = yield* conversations
        let running: ReadonlyArray<AppProcess.RunningApp> = nodes
        let isOver = false
        const talk = Effect.fnUntraced(function* (id: string) {
          let sent = 0
          while (!isOver) {
            const attempt = (client_random: number) =>
              Effect.suspend(() => {
                const node = running[client_random % running.length]!
                return at(node).alice.rest.ok("POST", `/api/v1/conversations/${id}/messages`, {
                  content: `message ${client_random}`,
                  client_random
                })
              }).pipe(Effect.sandbox)
            // A client that meets a node on its way out tries another one, with the same client_random.
            yield* Effect.retry(attempt(sent), { times: 20 })
            sent++
          }
          return sent
        })
        const ids = owned.map((active) => active[0]!)
        const talking = yield* Effect.forkScoped(Effect.forEach(ids, talk, { concurrency: "unbounded" }))
        for (const old of nodes) {
          const fresh = yield* start
          running = [...running.filter((node) => node !== old), fresh]
          yield* old.kill("SIGTERM")
          assert.strictEqual((yield* old.exited).code, 0)
        }
        isOver = true
        const counts = yield* Fiber.join(talking)
        for (const [i, id] of ids.entries()) {
          const seqs = (yield* Chat.history(at(running[0]!).bob, id)).map((message) => message.seq)
          assert.deepStrictEqual(
            seqs,
            Array.from({ length: counts[i]! }, (_, n) => n + 1)
          )
        }
      }),
    minutes
  )
})

describe("A node that cannot take part in a cluster says why", () => {
  it.live("without the things that its nodes share", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.spawn({ env: { CLUSTER: "on" } })
      assert.strictEqual((yield* app.exited).code, 1)
      assert.match(
        app.output(),
        /^messaging-service: CLUSTER is on, as it is with --workers, and needs DATABASE_URL and REDIS_URL/m
      )
    })
  )

  it.live("when its port is taken", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const postgres = yield* PostgresServer.make({ fsync: false })
      const env = {
        CLUSTER: "on",
        DATABASE_URL: postgres.url,
        REDIS_URL: redis.url,
        NODE_PORT: String(redis.port)
      }
      const app = yield* AppProcess.spawn({ env })
      assert.strictEqual((yield* app.exited).code, 1)
      assert.match(
        app.output(),
        /^messaging-service: Cannot listen on 127\.0\.0\.1:\d+ \(NODE_HOST or NODE_LISTEN, NODE_PORT\)/m
      )
    })
  )
})
