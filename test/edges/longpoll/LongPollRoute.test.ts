import { createServer, request as httpRequest, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Unavailable } from "../../../src/domain/Errors.ts"
import { NodeAddresses } from "../../../src/domain/ports/NodeAddresses.ts"
import * as MemoryNodeAddresses from "../../../src/layers/memory/MemoryNodeAddresses.ts"
import * as Poll from "../../support/Poll.ts"
import { topic } from "../websocket/FakeConversations.ts"
import { drained, type ServerOptions, type SocketServer, start } from "../websocket/SocketServer.ts"

const A = topic(1)
const ORIGIN = "http://page.example.com"

interface Answer {
  readonly httpStatus: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly status: number
  readonly token: string
  readonly messages: ReadonlyArray<string>
  readonly reason?: string
}

interface Call {
  readonly method?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** One request; giving up on it cuts its connection. */
const call = (server: SocketServer, { body, headers = {}, method = "GET", query = "" }: Call = {}) =>
  Effect.callback<Answer>((resume) => {
    const path = `/socket/longpoll?${query}`
    const sent = httpRequest({ port: server.port, path, method, headers }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      response.on("end", () => {
        const { headers, statusCode: httpStatus = 0 } = response
        resume(Effect.succeed({ httpStatus, headers, text, ...(text === "" ? {} : JSON.parse(text)) }))
      })
    })
    sent.on("error", () => {})
    sent.end(body)
    return Effect.sync(() => sent.destroy())
  })

const APP = "token=alice&vsn=2.0.0"

/** A client that polls as the official one does: the application's token first, the session's appended. */
const connect = Effect.fnUntraced(function* (options: ServerOptions = {}) {
  const server = yield* start(options)
  const opened = yield* call(server, { query: `${APP}&` })
  assert.strictEqual(opened.status, 410)
  assert.deepStrictEqual(opened.messages, [])
  const query = `${APP}&token=${opened.token}`
  return {
    server,
    token: opened.token,
    poll: call(server, { query }),
    post: (...frames: ReadonlyArray<unknown>) =>
      call(server, {
        method: "POST",
        query,
        headers: { "content-type": "application/x-ndjson" },
        body: frames.map((frame) => (typeof frame === "string" ? frame : JSON.stringify(frame))).join("\n")
      })
  }
})

const heartbeat = (ref: string) => [null, ref, "phoenix", "heartbeat", {}]
const refsOf = (answer: Answer) => answer.messages.map((text) => JSON.parse(text)[1])

/** Takes connections and never answers, as a frozen node does. */
const silentServer = Effect.gen(function* () {
  const asked = yield* Deferred.make<void>()
  const server = createServer(() => Deferred.doneUnsafe(asked, Effect.void))
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  return { port: (server.address() as AddressInfo).port, asked: Deferred.await(asked) }
})

/** A request that is on its way; ends when the server has it. */
const sending = Effect.fnUntraced(function* (request: Effect.Effect<Answer>, { requests }: SocketServer) {
  const before = requests.all.length
  const fiber = yield* Effect.forkChild(request, { startImmediately: true })
  yield* Poll.until(() => requests.all.length > before)
  return fiber
})

describe("LongPollRoute", () => {
  describe("a GET without a session", () => {
    it.effect("opens one and says so with 410 and a token", () =>
      Effect.gen(function* () {
        const server = yield* start()
        const answer = yield* call(server, { query: `${APP}&` })
        assert.strictEqual(answer.httpStatus, 200)
        assert.deepStrictEqual(JSON.parse(answer.text), { status: 410, token: answer.token, messages: [] })
        assert.strictEqual(answer.headers["content-type"], "application/json; charset=utf-8")
        assert.strictEqual(answer.headers["cache-control"], "no-store")
        assert.strictEqual(answer.headers["access-control-allow-origin"], "*")
        assert.strictEqual(server.sessions.count(), 1)
      })
    )

    it.effect("takes the application's token from the header of `authToken` too", () =>
      Effect.gen(function* () {
        const server = yield* start()
        const headers = { "x-phoenix-authtoken": "alice" }
        assert.strictEqual((yield* call(server, { query: "vsn=2.0.0", headers })).status, 410)
        const both = yield* call(server, { query: "vsn=2.0.0&token=expired", headers })
        assert.strictEqual(both.status, 410)
      })
    )

    it.effect.each([
      ["vsn=2.0.0", {}, "token_missing"],
      ["token=expired&vsn=2.0.0", {}, "token_expired"],
      ["token=alice&vsn=7.0.0", {}, "vsn"],
      [APP, { origin: ORIGIN }, "origin"]
    ] as const)("is refused with 403 in the body for %s %j: %s", ([query, headers, reason]) =>
      Effect.gen(function* () {
        const server = yield* start()
        const answer = yield* call(server, { query, headers })
        assert.strictEqual(answer.httpStatus, 200)
        assert.deepInclude(answer, { status: 403, reason })
        assert.strictEqual(JSON.parse(answer.text).request_id, answer.headers["x-request-id"])
        assert.strictEqual(server.sessions.count(), 0)
      })
    )

    it.effect("is refused while the node holds all the sockets it may", () =>
      Effect.gen(function* () {
        const server = yield* start({ maxSockets: 1 })
        yield* call(server, { query: APP })
        const answer = yield* call(server, { query: APP })
        assert.deepInclude(answer, { status: 403, reason: "overloaded" })
        assert.strictEqual(answer.headers["retry-after"], "1")
      })
    )
  })

  describe("a GET of a session", () => {
    it.effect("gets what waits at once, each message a serialized frame, and repeats the token", () =>
      Effect.gen(function* () {
        const { poll, post, token } = yield* connect()
        assert.deepStrictEqual(JSON.parse((yield* post(heartbeat("1"), heartbeat("2"))).text), {
          status: 200
        })
        const reply = (ref: string) => `[null,"${ref}","phoenix","phx_reply",{"status":"ok","response":{}}]`
        assert.deepStrictEqual(JSON.parse((yield* poll).text), {
          status: 200,
          token,
          messages: [reply("1"), reply("2")]
        })
      })
    )

    it.effect("waits for a message, and gets it when it comes", () =>
      Effect.gen(function* () {
        const { poll, post, server } = yield* connect()
        const waiting = yield* sending(poll, server)
        yield* post(heartbeat("1"))
        assert.deepStrictEqual(refsOf(yield* Fiber.join(waiting)), ["1"])
      })
    )

    it.effect("is answered 204 after the window, with the token", () =>
      Effect.gen(function* () {
        const { poll, server, token } = yield* connect()
        const waiting = yield* sending(poll, server)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(JSON.parse((yield* Fiber.join(waiting)).text), {
          status: 204,
          token,
          messages: []
        })
      })
    )

    it.effect("takes its token from a header as well", () =>
      Effect.gen(function* () {
        const { post, server, token } = yield* connect()
        yield* post(heartbeat("1"))
        const headers = { "x-phoenix-longpoll-token": token }
        assert.deepStrictEqual(refsOf(yield* call(server, { query: APP, headers })), ["1"])
      })
    )

    it.effect("leaves the messages to the newer of two", () =>
      Effect.gen(function* () {
        const { poll, post, server } = yield* connect()
        const older = yield* sending(poll, server)
        const newer = yield* sending(poll, server)
        yield* post(heartbeat("1"))
        assert.deepStrictEqual(refsOf(yield* Fiber.join(newer)), ["1"])
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(older)).status, 204)
      })
    )

    it.effect("that its client gives up loses nothing", () =>
      Effect.gen(function* () {
        const { poll, post, server } = yield* connect()
        yield* Fiber.interrupt(yield* sending(poll, server))
        yield* call(server, { method: "OPTIONS" })
        yield* post(heartbeat("1"))
        assert.deepStrictEqual(refsOf(yield* poll), ["1"])
      })
    )

    it.effect("that no longer exists opens another", () =>
      Effect.gen(function* () {
        const { server, token } = yield* connect()
        const changed = `${token.slice(0, -2)}AA`
        const answer = yield* call(server, { query: `${APP}&token=${changed}` })
        assert.strictEqual(answer.status, 410)
        assert.notStrictEqual(answer.token, changed)
      })
    )
  })

  describe("a POST", () => {
    it.effect("without a session, or with a dead one, is answered 410", () =>
      Effect.gen(function* () {
        const server = yield* start()
        const body = JSON.stringify(heartbeat("1"))
        for (const query of [APP, "", "token=phxlp.x"]) {
          assert.deepStrictEqual(JSON.parse((yield* call(server, { method: "POST", query, body })).text), {
            status: 410
          })
        }
      })
    )

    it.effect("is accepted though its frame is answered with an error", () =>
      Effect.gen(function* () {
        const { poll, post } = yield* connect()
        assert.strictEqual((yield* post(["1", "2", A, "unheard", {}])).status, 200)
        assert.deepInclude(JSON.parse((yield* poll).messages[0]!)[4], { status: "error" })
      })
    )

    it.effect("brings a batch of 100 frames in order, and 250 in three", () =>
      Effect.gen(function* () {
        const { poll, post } = yield* connect()
        const frames = Array.from({ length: 250 }, (_, n) => heartbeat(String(n)))
        for (let at = 0; at < 250; at += 100) {
          assert.strictEqual((yield* post(...frames.slice(at, at + 100))).status, 200)
        }
        assert.deepStrictEqual(
          refsOf(yield* poll),
          frames.map(([, ref]) => ref)
        )
      })
    )

    it.effect("brings binary pushes in base64", () =>
      Effect.gen(function* () {
        const { poll, post } = yield* connect()
        const fields = ["1", "2", "räum", "bin"].map((text) => Buffer.from(text))
        const push = Buffer.concat([
          Buffer.from([0, ...fields.map((f) => f.length)]),
          ...fields,
          Buffer.from([9])
        ])
        yield* post(push.toString("base64"))
        const [joinRef, ref, name, event] = JSON.parse((yield* poll).messages[0]!)
        assert.deepStrictEqual([joinRef, ref, name, event], [null, "2", "räum", "phx_reply"])
      })
    )

    it.effect(
      "with an undecodable frame ends the session; what was answered before it is still delivered",
      () =>
        Effect.gen(function* () {
          const { poll, post, server } = yield* connect()
          assert.strictEqual((yield* post(heartbeat("1"), "[", heartbeat("2"))).status, 410)
          assert.strictEqual((yield* post(heartbeat("3"))).status, 410)
          assert.deepStrictEqual(refsOf(yield* poll), ["1"])
          assert.strictEqual((yield* poll).status, 500)
          assert.strictEqual((yield* poll).status, 410)
          assert.strictEqual(server.sessions.count(), 1)
        })
    )

    it.effect("over the limit is answered 413 and does nothing; one at the limit is taken", () =>
      Effect.gen(function* () {
        const frame = JSON.stringify(heartbeat("1"))
        const { poll, post } = yield* connect({ maxPostBytes: frame.length })
        assert.deepStrictEqual(JSON.parse((yield* post(heartbeat("12"))).text), { status: 413 })
        assert.deepStrictEqual(JSON.parse((yield* post(heartbeat("2"))).text), { status: 200 })
        assert.deepStrictEqual(refsOf(yield* poll), ["2"])
      })
    )

    it.effect("waits while the session has enough to do, and is answered 408 after the window", () =>
      Effect.gen(function* () {
        const { poll, post, server } = yield* connect({ maxWaiting: 2 })
        const gate = yield* Deferred.make<void>()
        server.control.joinGate = gate
        // The first join holds back all frames behind it; the fourth of them is one too many.
        yield* post(["1", "1", A, "phx_join", {}], heartbeat("2"), heartbeat("3"))
        const [late, later] = [
          yield* sending(post(heartbeat("4"), heartbeat("5")), server),
          yield* sending(post(heartbeat("6")), server)
        ]
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(
          [(yield* Fiber.join(late)).status, (yield* Fiber.join(later)).status],
          [408, 408]
        )
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual((yield* post(heartbeat("7"))).status, 200)
        const refs = refsOf(yield* poll)
        assert.includeOrderedMembers(
          refs.filter((ref) => ref !== null),
          ["1", "2", "3"]
        )
      })
    )
  })

  describe("a session", () => {
    it.effect("ends when no GET came for one and a half windows; POSTs do not count", () =>
      Effect.gen(function* () {
        const { poll, post, server } = yield* connect()
        yield* TestClock.adjust("14 seconds")
        yield* post(heartbeat("1"))
        assert.strictEqual((yield* poll).status, 200)
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual(server.sessions.count(), 1)
        yield* post(heartbeat("2"))
        yield* TestClock.adjust("16 seconds")
        assert.strictEqual(server.sessions.count(), 0)
        assert.strictEqual((yield* post(heartbeat("3"))).status, 410)
      })
    )

    it.effect("closed by the server answers its GET with 500, on which every client reconnects", () =>
      Effect.gen(function* () {
        const { poll, server } = yield* connect()
        const waiting = yield* sending(poll, server)
        yield* drained(server)
        assert.strictEqual((yield* Fiber.join(waiting)).status, 500)
        assert.strictEqual(server.sessions.count(), 0)
        assert.deepInclude(yield* poll, { status: 403, reason: "overloaded" })
      })
    )

    it.effect("whose client does not poll is closed when too much waits for it", () =>
      Effect.gen(function* () {
        const { post, server } = yield* connect({ outbox: { soft: 1_000, hard: 2_000 } })
        for (let n = 0; n < 50; n++) yield* post(heartbeat(String(n)))
        assert.strictEqual(server.sessions.count(), 0)
        assert.strictEqual((yield* post(heartbeat("late"))).status, 410)
      })
    )
  })

  it.effect("answers a preflight for any page that may ask, with the headers it asks for", () =>
    Effect.gen(function* () {
      const server = yield* start({ allowedOrigins: [ORIGIN] })
      const headers = { origin: ORIGIN, "access-control-request-headers": "x-phoenix-authtoken" }
      const { headers: answered, httpStatus, text } = yield* call(server, { method: "OPTIONS", headers })
      assert.strictEqual(httpStatus, 200)
      assert.strictEqual(text, "")
      assert.deepInclude(answered, {
        "access-control-allow-origin": "*",
        "access-control-allow-headers": "x-phoenix-authtoken",
        "access-control-allow-methods": "get, post, options",
        "access-control-max-age": "3600"
      })
      const evil = yield* call(server, { method: "OPTIONS", headers: { origin: "https://evil.example.com" } })
      assert.deepInclude(evil, { status: 403, reason: "origin" })
      assert.isUndefined(evil.headers["access-control-allow-headers"])
    })
  )

  it.effect.each(["PUT", "DELETE", "PATCH"])("answers %s with 400 and nothing", (method) =>
    Effect.gen(function* () {
      const { httpStatus, text } = yield* call(yield* start(), { method, query: APP })
      assert.deepStrictEqual([httpStatus, text], [400, ""])
    })
  )

  describe("a request that comes to another node than its session's", () => {
    /** A client of one of two servers, and the same client's requests to the other. */
    const twoServers = Effect.fnUntraced(function* (options: ServerOptions = {}) {
      const addresses = Layer.succeed(
        NodeAddresses,
        yield* Effect.provide(NodeAddresses, MemoryNodeAddresses.layer)
      )
      const one = yield* connect({ ...options, addresses })
      const other = yield* start({ ...options, addresses })
      const query = `${APP}&token=${one.token}`
      const ndjson = { "content-type": "application/x-ndjson" }
      return {
        one,
        other,
        query,
        poll: call(other, { query }),
        post: (body: string, headers: Record<string, string> = ndjson) =>
          call(other, { method: "POST", query, headers, body })
      }
    })

    it.effect("is answered as there: frames taken, frames delivered, a token in the header", () =>
      Effect.gen(function* () {
        const { one, other, poll, post } = yield* twoServers()
        assert.strictEqual((yield* post(JSON.stringify(heartbeat("1")))).status, 200)
        assert.deepInclude(yield* poll, { httpStatus: 200, status: 200, token: one.token })
        assert.strictEqual((yield* one.post(heartbeat("2"))).status, 200)
        const headers = { "x-phoenix-longpoll-token": one.token }
        const answer = yield* call(other, { query: APP, headers })
        assert.deepStrictEqual(refsOf(answer), ["2"])
        assert.strictEqual(answer.headers["access-control-allow-origin"], "*")
        assert.strictEqual(other.sessions.count(), 0)
        assert.strictEqual(one.server.sessions.count(), 1)
      })
    )

    it.effect("waits for frames, and leaves them to the next one when it is given up", () =>
      Effect.gen(function* () {
        const { one, other, poll } = yield* twoServers()
        const waiting = yield* sending(poll, one.server)
        yield* one.post(heartbeat("1"))
        assert.deepStrictEqual(refsOf(yield* Fiber.join(waiting)), ["1"])
        yield* Fiber.interrupt(yield* sending(poll, one.server))
        // What has come to this server after the end of that connection has come after it to the other.
        yield* call(other, { method: "OPTIONS" })
        yield* call(one.server, { method: "OPTIONS" })
        yield* one.post(heartbeat("2"))
        assert.deepStrictEqual(refsOf(yield* one.poll), ["2"])
      })
    )

    it.effect("carries a body no larger than there", () =>
      Effect.gen(function* () {
        const { post } = yield* twoServers({ maxPostBytes: 1_000 })
        assert.strictEqual((yield* post("x".repeat(100_000))).status, 413)
        assert.strictEqual((yield* post(JSON.stringify(heartbeat("1")))).status, 200)
      })
    )

    it.effect(
      "connects anew when the session is no more, or its node is not: 500 for a GET, 410 for a POST",
      () =>
        Effect.gen(function* () {
          const { one, other, poll, post } = yield* twoServers()
          const [node, id, ...rest] = one.token.split(".").slice(1)
          for (const token of [
            ["phxlp", node, id?.replace(/^./, (first) => (first === "A" ? "B" : "A")), ...rest].join("."),
            ["phxlp", "A".repeat(22), id, ...rest].join(".")
          ]) {
            const query = `${APP}&token=${token}`
            assert.deepInclude(yield* call(other, { query }), { status: 500, token })
            assert.strictEqual((yield* call(other, { method: "POST", query, body: "[]" })).status, 410)
          }
          yield* one.server.stop
          assert.deepInclude(yield* poll, { status: 500, token: one.token })
          assert.strictEqual((yield* post("[]")).status, 410)
          assert.strictEqual(other.sessions.count(), 0)
        })
    )

    it.effect("is taken there a second after its node could say where it is, or its address was lost", () =>
      Effect.gen(function* () {
        const reachable = yield* Effect.provide(NodeAddresses, MemoryNodeAddresses.layer)
        const said: Array<string> = []
        let isReached = false
        const addresses = NodeAddresses.of({
          announce: (node, address) =>
            Effect.suspend(() => {
              said.push(node)
              return isReached ? reachable.announce(node, address) : new Unavailable({ what: "addresses" })
            }),
          find: (node) => reachable.find(node)
        })
        const one = yield* connect({ addresses: Layer.succeed(NodeAddresses, addresses) })
        const other = yield* start({ addresses: Layer.succeed(NodeAddresses, reachable) })
        const query = `${APP}&token=${one.token}`
        const post = call(other, { method: "POST", query, body: JSON.stringify(heartbeat("1")) })
        assert.strictEqual(said.length, 1)
        assert.strictEqual((yield* post).status, 410)
        isReached = true
        yield* TestClock.adjust("1 second")
        assert.strictEqual(said.length, 2)
        assert.strictEqual((yield* post).status, 200)
        // What is said again and again cannot be lost for long.
        yield* TestClock.adjust("1 second")
        assert.strictEqual(said.length, 3)
      })
    )

    it.effect("is not waited for longer than a window and a half, and is taken on once", () =>
      Effect.gen(function* () {
        const silent = yield* silentServer
        const addresses = yield* Effect.provide(NodeAddresses, MemoryNodeAddresses.layer)
        const node = "A".repeat(22)
        yield* addresses.announce(node, { host: "127.0.0.1", port: silent.port })
        const server = yield* start({ addresses: Layer.succeed(NodeAddresses, addresses) })
        const query = `${APP}&token=phxlp.${node}.${"B".repeat(22)}.1.${"C".repeat(43)}`
        const waiting = yield* Effect.forkChild(call(server, { query }), { startImmediately: true })
        yield* silent.asked
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual((yield* Fiber.join(waiting)).status, 500)
        // Nobody is asked: the test would wait for an answer.
        const relayed = yield* call(server, { query, headers: { "x-messaging-relayed": "1" } })
        assert.strictEqual(relayed.status, 500)
      })
    )
  })
})
