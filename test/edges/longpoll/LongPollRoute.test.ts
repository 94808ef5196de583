import { request as httpRequest, type IncomingHttpHeaders } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
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

    it.effect("that no longer exists opens another: for a token of another node, or a changed one", () =>
      Effect.gen(function* () {
        const [here, elsewhere] = [yield* connect(), yield* connect()]
        for (const foreign of [elsewhere.token, `${here.token.slice(0, -2)}AA`]) {
          const answer = yield* call(here.server, { query: `${APP}&token=${foreign}` })
          assert.strictEqual(answer.status, 410)
          assert.notStrictEqual(answer.token, foreign)
        }
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
})
