import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect } from "effect"
import { outboxTotals } from "../../../src/actors/session/Outbox.ts"
import * as Poll from "../../support/Poll.ts"
import { topic } from "./FakeConversations.ts"
import { isEvent, open, type RawSocket } from "./RawSocket.ts"
import { drained, type SocketServer, start, userId } from "./SocketServer.ts"

const A = topic(1)

/** The operating system takes some megabytes for a peer that does not read; this is more. */
const MORE_THAN_THE_SYSTEM_TAKES = 32 * 1024 * 1024
const KB = 1024

const eventOf = (frame: unknown) => (frame as ReadonlyArray<unknown>)[3]
const payloadOf = <A>(frame: unknown) => (frame as ReadonlyArray<unknown>)[4] as A

/** One ephemeral publication to everybody on the topic. */
const typing = ({ hub }: SocketServer, bytes: number) =>
  hub.publishLocal({
    topic: A,
    event: "typing_indicator",
    payload: JSON.stringify({ padding: "x".repeat(bytes) }),
    seq: null,
    except: null
  })

/** Publishes in turns of the event loop of their own, until that much is on its way, or it is enough. */
const flood = (publish: () => void, bytes: number, isEnough = () => false) =>
  Effect.gen(function* () {
    for (let sent = 0; sent < MORE_THAN_THE_SYSTEM_TAKES && !isEnough(); sent += bytes) {
      publish()
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })

const send = (socket: RawSocket, ref: string, content: string) =>
  socket.send("1", ref, A, "send_message", { content, client_random: Number(ref) })

describe("Sockets under pressure", () => {
  it.live("a slow reader loses ephemeral events first, and gets a whole picture of presence afterwards", () =>
    Effect.gen(function* () {
      const server = yield* start({ outbox: { soft: 64 * KB, hard: 4096 * KB } })
      const [slow, quick] = [
        yield* open(server),
        yield* open(server, { query: "token=alice:laptop&vsn=2.0.0" })
      ]
      yield* slow.join(A)
      yield* quick.join(A)
      slow.ws.pause()
      let published = 0
      const publish = () => {
        published++
        typing(server, 16 * KB)
      }
      yield* flood(publish, 16 * KB)
      server.hub.publishLocal({
        topic: A,
        event: "conversation_updated",
        payload: "{}",
        seq: null,
        except: null
      })
      const late = yield* open(server, { query: "token=bob&vsn=2.0.0" })
      yield* late.join(A)
      yield* quick.frames.next({
        where: (frame) => eventOf(frame) === "presence_diff" && JSON.stringify(frame).includes(userId("bob"))
      })
      send(late, "2", "durable")
      slow.ws.resume()
      // It has no number, and no other says it again.
      yield* slow.frames.next({ where: isEvent("conversation_updated") })
      yield* slow.frames.next({ where: isEvent("new_message") })
      const state = yield* slow.frames.next({ where: isEvent("presence_state") })
      assert.hasAllKeys(payloadOf<object>(state), [userId("alice"), userId("bob")])
      const received = slow.frames.all.filter(isEvent("typing_indicator")).length
      assert.isBelow(received, published)
      assert.strictEqual(slow.closes.all.length, 0)
      const diffs = slow.frames.all.filter(isEvent("presence_diff"))
      assert.notInclude(JSON.stringify(diffs), userId("bob"))
    })
  )

  it.live("a reader too slow for what must not be lost is closed with 1013, and resumes where it was", () =>
    Effect.gen(function* () {
      const server = yield* start({ outbox: { soft: 64 * KB, hard: 512 * KB } })
      const [slow, writer] = [yield* open(server), yield* open(server, { query: "token=bob&vsn=2.0.0" })]
      yield* slow.join(A)
      yield* writer.join(A)
      slow.ws.pause()
      let refs = 10
      const content = "x".repeat(64 * KB)
      const { closedSlow } = outboxTotals
      const isClosed = () => outboxTotals.closedSlow > closedSlow
      yield* flood(() => send(writer, String(refs++), content), 64 * KB, isClosed)
      yield* Poll.until(isClosed)
      // At once: whoever does not answer a close frame in time is cut off.
      slow.ws.resume()
      assert.deepStrictEqual(yield* slow.closes.next(), { code: 1013, reason: "slow reader" })
      const seqs = slow.frames.all
        .filter(isEvent("new_message"))
        .map((frame) => payloadOf<{ seq: number }>(frame).seq)
      assert.deepStrictEqual(
        seqs,
        seqs.map((_, n) => n + 1)
      )
      const lastSeq = seqs.length
      yield* writer.settle()
      const back = yield* open(server)
      const reply = yield* back.join(A, "1", { last_seq: lastSeq })
      const { messages } = payloadOf<{ response: { messages: ReadonlyArray<{ seq: number }> } }>(
        reply
      ).response
      assert.strictEqual(messages[0]?.seq, lastSeq + 1)
      assert.isBelow(lastSeq, refs - 10)
    })
  )

  it.live("a flooding writer is not read faster than its frames are handled", () =>
    Effect.gen(function* () {
      const server = yield* start({ maxWaiting: 32 })
      const gate = (server.control.joinGate = yield* Deferred.make<void>())
      const writer = yield* open(server)
      writer.send("1", "1", A, "phx_join")
      const frames = 20_000
      const padding = "x".repeat(KB)
      for (let n = 0; n < frames; n++) writer.send(null, String(n), "phoenix", "heartbeat", { padding })
      // The join holds back all that is behind it; what the server does not read, its peer cannot send.
      yield* Poll.until(
        Effect.gen(function* () {
          const before = writer.ws.bufferedAmount
          yield* Effect.sleep("50 millis")
          return writer.ws.bufferedAmount === before
        }),
        { what: "a standstill" }
      )
      assert.isAbove(writer.ws.bufferedAmount, (frames * KB) / 4)
      assert.strictEqual(writer.frames.all.length, 0)
      yield* Deferred.succeed(gate, undefined)
      const answered = () => writer.frames.all.filter(isEvent("phx_reply"))
      yield* Poll.until(() => answered().length === frames + 1)
      assert.deepStrictEqual(
        answered().map((frame) => (frame as ReadonlyArray<unknown>)[1]),
        ["1", ...Array.from({ length: frames }, (_, n) => String(n))]
      )
      assert.strictEqual(writer.closes.all.length, 0)
    })
  )

  it.live("is shared fairly: other sockets are answered while one floods", () =>
    Effect.gen(function* () {
      const server = yield* start({ maxWaiting: 32 })
      const gate = (server.control.joinGate = yield* Deferred.make<void>())
      const writer = yield* open(server)
      writer.send("1", "1", A, "phx_join")
      for (let n = 0; n < 5_000; n++) writer.send(null, String(n), "phoenix", "heartbeat")
      const other = yield* open(server)
      yield* other.settle()
      assert.strictEqual(writer.frames.all.length, 0)
      yield* Deferred.succeed(gate, undefined)
    })
  )
})

describe("Sockets at a shutdown", () => {
  it.live("are closed with 1012 when what they sent is answered: sends in flight, joins under way", () =>
    Effect.gen(function* () {
      const server = yield* start({ drainTimeout: Duration.fromInputUnsafe("100 millis") })
      const [sending, joining, idle] = [yield* open(server), yield* open(server), yield* open(server)]
      yield* sending.join(A)
      server.control.joinGate = yield* Deferred.make<void>()
      server.control.commitGate = yield* Deferred.make<void>()
      send(sending, "2", "last words")
      joining.send("1", "1", topic(2), "phx_join")
      joining.send(null, "2", "phoenix", "heartbeat")
      yield* Poll.until(() => server.control.posted === 1)
      const draining = yield* Effect.forkChild(server.drain, { startImmediately: true })
      assert.deepStrictEqual(yield* idle.closes.next(), { code: 1012, reason: "draining" })
      const refused = yield* Effect.flip(open(server))
      assert.strictEqual(refused.status, 503)
      assert.strictEqual(sending.closes.all.length + joining.closes.all.length, 0)
      yield* Deferred.succeed(server.control.commitGate, undefined)
      yield* Deferred.succeed(server.control.joinGate, undefined)
      assert.strictEqual((yield* sending.closes.next()).code, 1012)
      assert.strictEqual((yield* joining.closes.next()).code, 1012)
      const replies = (socket: RawSocket) =>
        socket.frames.all.filter(isEvent("phx_reply")).map((frame) => (frame as ReadonlyArray<unknown>)[1])
      assert.deepStrictEqual(replies(sending), ["1", "2"])
      assert.deepStrictEqual(replies(joining), ["1", "2"])
      yield* Poll.until(() => draining.pollUnsafe() !== undefined)
      assert.strictEqual(server.sessions.count(), 0)
    })
  )

  it.effect("that cannot be settled are closed all the same", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const gate = (server.control.joinGate = yield* Deferred.make<void>())
      const stuck = yield* open(server)
      stuck.send("1", "1", A, "phx_join")
      yield* Poll.until(() => server.control.joins === 1)
      yield* drained(server)
      assert.strictEqual((yield* stuck.closes.next()).code, 1012)
      assert.strictEqual(stuck.frames.all.length, 0)
      yield* Deferred.succeed(gate, undefined)
    })
  )

  it.live("leave spread over the time there is, not all at once", () =>
    Effect.gen(function* () {
      const server = yield* start({ drainTimeout: Duration.fromInputUnsafe("1 second") })
      const sockets = yield* Effect.all(
        Array.from({ length: 60 }, () => open(server)),
        { concurrency: "unbounded" }
      )
      const closedAt: Array<number> = []
      for (const { ws } of sockets) ws.on("close", () => closedAt.push(performance.now()))
      yield* server.drain
      yield* Poll.until(() => closedAt.length === sockets.length)
      assert.isAbove(Math.max(...closedAt) - Math.min(...closedAt), 300)
    })
  )
})
