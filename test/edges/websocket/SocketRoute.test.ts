import { connect as connectTcp, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { IpNetwork } from "effect/net"
import { TestClock } from "effect/testing"
import { Inbox } from "../../support/Inbox.ts"
import * as Poll from "../../support/Poll.ts"
import { CLOSED, CRASHING, topic } from "./FakeConversations.ts"
import { isEvent, open, type RawSocket, type Ref } from "./RawSocket.ts"
import { start } from "./SocketServer.ts"

const A = topic(1)

const replied = (joinRef: Ref, ref: Ref, name: string, status: string, response: unknown) => [
  joinRef,
  ref,
  name,
  "phx_reply",
  { status, response }
]

const binaryPush = (joinRef: string, ref: string, name: string, event: string, data: Uint8Array): Buffer => {
  const fields = [joinRef, ref, name, event].map((text) => Buffer.from(text))
  return Buffer.concat([Buffer.from([0, ...fields.map((field) => field.length)]), ...fields, data])
}

/** An upgrade request as text, to be sent with whatever else. */
const upgrade = (query: string, ...headers: ReadonlyArray<string>) =>
  [
    `GET /socket/websocket?${query} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    ...headers,
    "\r\n"
  ].join("\r\n")

/** A client frame as bytes, masked with zeros, which leaves the text as it is. */
const maskedText = (text: string): Buffer => {
  const payload = Buffer.from(text)
  assert.isBelow(payload.length, 126)
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}

/** A TCP connection that collects what comes. */
const tcp = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly socket: Socket; readonly received: Inbox<string> }>((resume) => {
      const received = new Inbox<string>("bytes")
      const socket = connectTcp(port, "127.0.0.1", () => resume(Effect.succeed({ socket, received })))
      socket.on("data", (chunk) => received.put(chunk.toString("latin1")))
      socket.on("error", () => {})
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

describe("SocketRoute", () => {
  describe("refuses at HTTP level, with a status and a JSON reason", () => {
    it.effect.each([
      ["a missing token", {}, "vsn=2.0.0", 401, "token_missing"],
      ["an expired token", {}, "token=expired&vsn=2.0.0", 401, "token_expired"],
      ["an unsupported vsn", {}, "token=alice&vsn=3.0.0", 403, "vsn"],
      ["an incomplete vsn", {}, "token=alice&vsn=2.0", 403, "vsn"],
      ["a foreign page", { origin: "https://evil.example.com" }, "token=alice", 403, "origin"],
      ["a foreign page first of all", { origin: "https://evil.example.com" }, "vsn=9.9.9", 403, "origin"]
    ] as const)("%s", ([, headers, query, status, reason]) =>
      Effect.gen(function* () {
        const refused = yield* Effect.flip(open(yield* start(), { query, headers }))
        assert.strictEqual(refused.status, status)
        assert.strictEqual(refused.body.reason, reason)
        assert.strictEqual(refused.headers["x-request-id"], refused.body.request_id)
        assert.match(String(refused.body.request_id), /^[0-9a-f-]{36}$/)
      })
    )

    it.effect("and has refused tokens on record, with the address that our proxies saw", () =>
      Effect.gen(function* () {
        const server = yield* start({ trustedProxies: [IpNetwork.fromStringUnsafe("127.0.0.0/8")] })
        const headers = { "x-forwarded-for": "192.0.2.1, 198.51.100.7" }
        yield* Effect.flip(open(server, { query: "token=expired&vsn=2.0.0", headers }))
        yield* Effect.flip(open(server, { query: "vsn=2.0.0", headers }))
        yield* Effect.promise(() =>
          fetch(`http://127.0.0.1:${server.port}/socket/longpoll?token=expired&vsn=2.0.0`, { headers })
        )
        const entries = yield* server.audit.read({ limit: 10 })
        assert.deepStrictEqual(
          entries.map(({ action, address, details }) => ({ action, address, details })),
          Array(2).fill({ action: "token.refused", address: "198.51.100.7", details: { reason: "expired" } })
        )
      })
    )

    it.effect("subprotocols none of which it speaks", () =>
      Effect.gen(function* () {
        const refused = yield* Effect.flip(open(yield* start(), { protocols: ["graphql-ws"] }))
        assert.deepInclude(refused.body, { reason: "subprotocol" })
        assert.strictEqual(refused.status, 403)
      })
    )

    it.effect("more sockets than it may hold, and says when to come back", () =>
      Effect.gen(function* () {
        const server = yield* start({ maxSockets: 1 })
        yield* open(server)
        const refused = yield* Effect.flip(open(server))
        assert.strictEqual(refused.status, 503)
        assert.strictEqual(refused.body.reason, "overloaded")
        assert.strictEqual(refused.headers["retry-after"], "1")
      })
    )

    it.effect("also those whose places were taken while their tokens were verified", () =>
      Effect.gen(function* () {
        const verified = yield* Deferred.make<void>()
        let asked = 0
        const verifying = Effect.andThen(
          Effect.sync(() => asked++),
          Deferred.await(verified)
        )
        const server = yield* start({ maxSockets: 1, verifying })
        const both = yield* Effect.forkChild(
          Effect.all([Effect.exit(open(server)), Effect.exit(open(server))], { concurrency: 2 })
        )
        yield* Poll.until(() => asked === 2)
        yield* Deferred.succeed(verified, undefined)
        const exits = yield* Fiber.join(both)
        assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
        const [refused] = exits.filter(Exit.isFailure)
        assert.deepInclude(Cause.squash(refused!.cause) as object, { status: 503 })
      })
    )

    it.effect("with 500 what it cannot decide, and says nothing of why", () =>
      Effect.gen(function* () {
        const server = yield* start({ verifying: Effect.die(new Error("secret")) })
        const refused = yield* Effect.flip(open(server))
        assert.strictEqual(refused.status, 500)
        assert.hasAllKeys(refused.body, ["reason", "request_id"])
        assert.strictEqual(refused.body.reason, "internal")
      })
    )

    it.effect.each([
      ["is no GET", "GET", "POST"],
      ["is none to WebSocket", "Upgrade: websocket", "Upgrade: h2c"],
      ["has no key", /Sec-WebSocket-Key: .*\r\n/, ""],
      ["has a key that is none", "dGhl", ""],
      ["asks for a version that nobody speaks", "Version: 13", "Version: 12"]
    ] as const)("an upgrade that %s", ([, part, instead]) =>
      Effect.gen(function* () {
        const { port } = yield* start({ verifying: Effect.die(new Error("was asked for the token")) })
        const { received, socket } = yield* tcp(port)
        socket.write(upgrade("token=alice&vsn=2.0.0").replace(part, instead))
        const answer = yield* received.next()
        assert.match(answer, /^HTTP\/1.1 400 Bad Request\r\n/)
        assert.include(answer, "\r\nSec-WebSocket-Version: 13, 8\r\n")
        assert.include(answer, '{"reason":"not_a_websocket_request",')
      })
    )

    it.effect("an upgrade whose extensions cannot be read, and keeps no place for it", () =>
      Effect.gen(function* () {
        const server = yield* start({
          compress: true,
          limits: { devices: 1, connections: 1, perAddress: 100 }
        })
        const { received, socket } = yield* tcp(server.port)
        socket.write(
          upgrade("token=alice:tablet&vsn=2.0.0", "Sec-WebSocket-Extensions: permessage-deflate; x=1")
        )
        assert.match(yield* received.next(), /^HTTP\/1.1 400 Bad Request\r\n/)
        yield* open(server)
      })
    )
  })

  describe("accepts", () => {
    it.effect("V1 without a vsn, and V2", () =>
      Effect.gen(function* () {
        const server = yield* start()
        const old = yield* open(server, { query: "token=alice" })
        old.sendRaw('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}')
        const payload = { status: "ok", response: {} }
        assert.deepStrictEqual(yield* old.next(), { topic: "phoenix", event: "phx_reply", payload, ref: "1" })
        const present = yield* open(server, { query: "token=alice&vsn=2.0.9" })
        present.send(null, "1", "phoenix", "heartbeat")
        assert.deepStrictEqual(yield* present.next(), replied(null, "1", "phoenix", "ok", {}))
      })
    )

    it.effect("the token as a subprotocol, which it never echoes, and the last token of the query", () =>
      Effect.gen(function* () {
        const server = yield* start()
        const entry = `base64url.bearer.phx.${btoa("alice").replace(/=/g, "")}`
        const { ws } = yield* open(server, {
          protocols: ["phoenix", entry],
          query: "token=expired&vsn=2.0.0"
        })
        assert.strictEqual(ws.protocol, "phoenix")
        yield* open(server, { query: "token=expired&a%5Bb%5D=1&token=alice&vsn=9.0.0&vsn=2.0.0" })
      })
    )

    it.effect("the token of the subprotocol in any base64, though HTTP calls not all of it a token", () =>
      Effect.gen(function* () {
        const { port } = yield* start()
        const standard = Buffer.from("~~~???a").toString("base64")
        assert.match(standard, /\+.*\/.*=/)
        for (const text of [standard, standard.replaceAll("+", "-").replaceAll("/", "_")]) {
          const { received, socket } = yield* tcp(port)
          const offered = `phoenix, base64url.bearer.phx.${text}`
          socket.write(upgrade("vsn=2.0.0", `Sec-WebSocket-Protocol: ${offered}`))
          const answer = yield* received.next()
          assert.match(answer, /^HTTP\/1.1 101 [\s\S]*\r\nSec-WebSocket-Protocol: phoenix\r\n/)
          assert.notInclude(answer, text)
        }
      })
    )

    it.effect("its own pages, and those on its list", () =>
      Effect.gen(function* () {
        const own = yield* start()
        yield* open(own, { headers: { origin: `http://127.0.0.1:${own.port}` } })
        const listed = yield* start({ allowedOrigins: ["//*.example.com"] })
        yield* open(listed, { headers: { origin: "https://chat.example.com" } })
      })
    )

    it.effect("frames that came with the upgrade request, and while its token was verified", () =>
      Effect.gen(function* () {
        const verified = yield* Deferred.make<void>()
        const { port } = yield* start({ verifying: Deferred.await(verified) })
        const { received, socket } = yield* tcp(port)
        const heartbeat = (ref: string) => maskedText(`[null,"${ref}","phoenix","heartbeat",{}]`)
        socket.write(Buffer.concat([Buffer.from(upgrade("token=alice&vsn=2.0.0")), heartbeat("1")]))
        socket.write(heartbeat("2"))
        yield* Deferred.succeed(verified, undefined)
        let answer = ""
        while (!answer.includes('"2"')) answer += yield* received.next()
        assert.match(answer, /^HTTP\/1.1 101 [\s\S]*\[null,"1","phoenix"[\s\S]*\[null,"2","phoenix"/)
      })
    )

    it.effect("a peer that is gone before its token is verified, without a trace", () =>
      Effect.gen(function* () {
        const verified = yield* Deferred.make<void>()
        const asked = yield* Deferred.make<void>()
        const server = yield* start({
          verifying: Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(verified))
        })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { socket } = yield* tcp(server.port)
            socket.write(upgrade("token=alice&vsn=2.0.0"))
            yield* Deferred.await(asked)
          })
        )
        yield* Deferred.succeed(verified, undefined)
        yield* open(server)
        assert.strictEqual(server.sessions.count(), 1)
      })
    )
  })

  it.effect("follows the rules of a session over a real socket", () =>
    Effect.gen(function* () {
      const socket = yield* open(yield* start())
      const refused = `conversation:${CLOSED}`
      const crashing = `conversation:${CRASHING}`
      socket.send("1", "1", refused, "phx_join")
      assert.deepStrictEqual(
        yield* socket.next(),
        replied("1", "1", refused, "error", { reason: "not_member" })
      )
      socket.send("2", "2", crashing, "phx_join")
      assert.deepStrictEqual(
        yield* socket.next(),
        replied("2", "2", crashing, "error", { reason: "join crashed" })
      )
      yield* socket.join(A, "3")
      socket.send("3", "4", A, "send_message", { content: "hi", client_random: 1 })
      const told = (yield* socket.next()) as ReadonlyArray<unknown>
      assert.deepStrictEqual(told.slice(0, 4), [null, null, A, "new_message"])
      assert.deepStrictEqual(((yield* socket.next()) as ReadonlyArray<unknown>).slice(0, 4), [
        "3",
        "4",
        A,
        "phx_reply"
      ])
      socket.send("3", "5", A, "send_message", { content: "crash!", client_random: 2 })
      assert.deepStrictEqual(yield* socket.next(), ["3", "3", A, "phx_error", { reason: "channel_crash" }])
      socket.send("3", "6", A, "phx_leave")
      assert.deepStrictEqual(yield* socket.next(), replied("3", "6", A, "ok", {}))
      yield* socket.settle()
    })
  )

  it.effect(
    "says what others here have had, and has a client join again whose snapshot is older all the same",
    () =>
      Effect.gen(function* () {
        const server = yield* start()
        const [first, second] = [yield* open(server), yield* open(server)]
        yield* first.join(A, "1")
        first.send("1", "2", A, "send_message", { content: "hi", client_random: 1 })
        yield* first.next()
        yield* first.next()
        server.control.unheard = 1
        second.send("3", "3", A, "phx_join", { presence: false })
        assert.deepStrictEqual(((yield* second.next()) as ReadonlyArray<unknown>).slice(0, 4), [
          "3",
          "3",
          A,
          "phx_reply"
        ])
        assert.deepStrictEqual(yield* second.next(), ["3", "3", A, "phx_error", { reason: "channel_crash" }])
        server.control.unheard = 0
        second.send("4", "4", A, "phx_join", { presence: false, last_seq: 0 })
        yield* second.next()
        yield* second.settle()
        assert.deepStrictEqual(server.control.seen, [0, 1, 1])
      })
  )

  describe("on binary frames", () => {
    it.effect("answers a push to a channel with `invalid`, and the socket goes on", () =>
      Effect.gen(function* () {
        const socket = yield* open(yield* start())
        yield* socket.join(A, "3")
        socket.sendRaw(binaryPush("3", "12", A, "bin", new Uint8Array([1, 2])))
        const reply = (yield* socket.frames.next({ where: isEvent("phx_reply") })) as ReadonlyArray<unknown>
        assert.deepStrictEqual(reply.slice(0, 3), ["3", "12", A])
        assert.deepInclude(reply[4], { status: "error" })
        socket.sendRaw(binaryPush("", "13", "räum:ä", "bin", new Uint8Array()))
        const unmatched = replied(null, "13", "räum:ä", "error", { reason: "unmatched topic" })
        assert.deepStrictEqual(yield* socket.frames.next({ where: isEvent("phx_reply") }), unmatched)
        socket.sendRaw(binaryPush("", "14", "phoenix", "heartbeat", new Uint8Array()))
        assert.deepStrictEqual(yield* socket.next(), replied(null, "14", "phoenix", "ok", {}))
      })
    )
  })

  describe("closes", () => {
    const closeAfter = (data: string | Uint8Array, query?: string) =>
      Effect.gen(function* () {
        const server = yield* start()
        const socket = yield* open(server, query === undefined ? {} : { query })
        socket.sendRaw(data)
        const { code } = yield* socket.closes.next()
        return code
      })

    it.effect.each([
      ["no JSON", "[", undefined],
      ["a short array", '["1","1","t","e"]', undefined],
      ["a V1 frame on V2", '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}', undefined],
      ["a truncated binary frame", new Uint8Array([0, 1, 1]), undefined],
      ["an empty binary frame", new Uint8Array(), undefined],
      ["a binary frame of a server's kind", new Uint8Array([1, 0, 0, 0, 0]), undefined],
      ["a V1 frame without a key", '{"topic":"phoenix","event":"heartbeat","payload":{}}', "token=alice"]
    ] as const)("with 1011 after %s", ([, data, query]) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* closeAfter(data, query), 1011)
      })
    )

    it.effect("with 1009 a frame over the limit, and not one at it", () =>
      Effect.gen(function* () {
        const server = yield* start({ maxFrameBytes: 1000 })
        const socket = yield* open(server)
        const text = JSON.stringify([null, "1", "phoenix", "heartbeat", {}]).padEnd(1000)
        socket.sendRaw(text)
        yield* socket.next()
        socket.sendRaw(`${text} `)
        assert.strictEqual((yield* socket.closes.next()).code, 1009)
      })
    )

    it.effect("with 1007 text that is not UTF-8", () =>
      Effect.gen(function* () {
        const socket = yield* open(yield* start())
        socket.ws.send(new Uint8Array([0x5b, 0xff, 0x5d]), { binary: false })
        assert.strictEqual((yield* socket.closes.next()).code, 1007)
      })
    )

    it.effect("and takes nothing that was sent after the undecodable frame", () =>
      Effect.gen(function* () {
        const { control, ...server } = yield* start()
        const socket = yield* open({ control, ...server })
        yield* socket.join(A)
        socket.sendRaw("?")
        socket.send("1", "2", A, "send_message", { content: "late", client_random: 1 })
        assert.strictEqual((yield* socket.closes.next()).code, 1011)
        assert.strictEqual(control.posted, 0)
      })
    )

    it.effect("with 1001 a silent socket, and any frame or ping keeps it open", () =>
      Effect.gen(function* () {
        const server = yield* start()
        const [silent, talking, pinging] = [yield* open(server), yield* open(server), yield* open(server)]
        yield* TestClock.adjust("55 seconds")
        pinging.ws.ping()
        yield* pinging.pongs.next()
        yield* talking.settle()
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* silent.closes.next(), { code: 1001, reason: "idle" })
        yield* talking.settle("2")
        yield* pinging.settle("3")
        assert.strictEqual(server.sessions.count(), 2)
      })
    )

    it.effect("with 1001 not a socket whose frame is still on its way", () =>
      Effect.gen(function* () {
        const server = yield* start()
        const { received, socket } = yield* tcp(server.port)
        socket.write(upgrade("token=alice&vsn=2.0.0"))
        assert.match(yield* received.next(), /^HTTP\/1.1 101 /)
        const frame = maskedText('[null,"1","phoenix","heartbeat",{}]')
        for (const byte of frame.subarray(0, 5)) {
          const before = server.received()
          socket.write(Buffer.from([byte]))
          yield* Poll.until(() => server.received() === before + 1)
          yield* TestClock.adjust("50 seconds")
        }
        socket.write(frame.subarray(5))
        assert.include(yield* received.next(), '[null,"1","phoenix","phx_reply"')
        yield* TestClock.adjust("70 seconds")
        assert.strictEqual(yield* received.next(), "\x88\x06\x03\xe9idle")
      })
    )

    it.effect("nothing of another socket's: a crash and a bad frame stay where they are", () =>
      Effect.gen(function* () {
        const server = yield* start()
        const [bad, good]: [RawSocket, RawSocket] = [yield* open(server), yield* open(server)]
        yield* bad.join(A)
        yield* good.join(A)
        bad.sendRaw("{}")
        yield* bad.closes.next()
        yield* good.settle()
      })
    )
  })

  it.effect("compresses where it is switched on and the client can", () =>
    Effect.gen(function* () {
      const server = yield* start({ compress: true })
      const [squeezed, plain] = [yield* open(server), yield* open(server, { perMessageDeflate: false })]
      assert.include(squeezed.ws.extensions, "permessage-deflate")
      assert.strictEqual(plain.ws.extensions, "")
      yield* squeezed.join(A)
      yield* plain.join(A)
      const content = "x".repeat(10_000)
      plain.send("1", "2", A, "send_message", { content, client_random: 1 })
      for (const socket of [squeezed, plain]) {
        const frame = (yield* socket.frames.next({ where: isEvent("new_message") })) as ReadonlyArray<unknown>
        assert.deepInclude(frame[4], { content })
      }
      const off = yield* open(yield* start())
      assert.strictEqual(off.ws.extensions, "")
    })
  )
})
