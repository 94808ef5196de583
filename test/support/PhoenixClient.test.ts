import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type WebSocket, WebSocketServer } from "ws"
import * as PhoenixClient from "./PhoenixClient.ts"

/** Just enough of the protocol to answer a client: joins `room:*`, echoes, says hello, crashes on request. */
const answer = (socket: WebSocket, request: IncomingMessage, text: string) => {
  const [joinRef, ref, topic, event, payload] = JSON.parse(text)
  const send = (...frame: ReadonlyArray<unknown>) => socket.send(JSON.stringify(frame))
  const reply = (status: string, response: unknown) =>
    send(joinRef, ref, topic, "phx_reply", { status, response })
  if (event === "phx_join") {
    if (topic !== "room:a") return reply("error", { reason: "unmatched topic" })
    reply("ok", { origin: request.headers.origin, params: payload })
    return send(null, null, topic, "hello", { n: 1 })
  }
  if (event === "crash") return send(joinRef, joinRef, topic, "phx_error", {})
  if (event === "fail") return reply("error", { reason: "invalid" })
  reply("ok", payload)
}

const server = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const sockets = new WebSocketServer({ noServer: true })
    const http = createServer()
    http.on("upgrade", (request, connection, head) => {
      if (!request.url?.includes("token=good")) {
        connection.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 19\r\n\r\n{"reason":"claims"}')
        return
      }
      sockets.handleUpgrade(request, connection, head, (socket) => {
        socket.on("message", (data) => answer(socket, request, data.toString()))
      })
    })
    http.listen(0, "127.0.0.1", () => {
      const { port } = http.address() as AddressInfo
      const close = () => {
        for (const socket of sockets.clients) socket.terminate()
        http.close()
      }
      resume(Effect.succeed({ url: `ws://127.0.0.1:${port}/socket`, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe.each(Object.entries(PhoenixClient.versions))("PhoenixClient with phoenix %s", (_version, module) => {
  const connected = Effect.flatMap(server, ({ url }) =>
    PhoenixClient.connect({ url, module, params: { token: "good" }, headers: { origin: "http://here" } })
  )

  it.live("joins, gets the reply's payload, pushes and receives", () =>
    Effect.gen(function* () {
      const client = yield* connected
      const room = yield* client.join("room:a", { last_seq: 3 })
      assert.deepStrictEqual(room.reply, { origin: "http://here", params: { last_seq: 3 } })
      assert.deepStrictEqual(yield* room.next("hello"), { n: 1 })
      assert.deepStrictEqual(yield* room.push("echo", { text: "é" }), { text: "é" })
      assert.deepStrictEqual(room.events.all, [{ event: "hello", payload: { n: 1 } }])
    })
  )

  it.live("fails a refused join and a refused push with the server's answer", () =>
    Effect.gen(function* () {
      const client = yield* connected
      const join = yield* Effect.flip(client.join("room:b"))
      assert.deepStrictEqual(join.response, { reason: "unmatched topic" })
      const room = yield* client.join("room:a")
      const push = yield* Effect.flip(room.push("fail"))
      assert.deepStrictEqual(push.response, { reason: "invalid" })
    })
  )

  it.live("fails a refused connection with the status and body", () =>
    Effect.gen(function* () {
      const { url } = yield* server
      const refused = yield* Effect.flip(PhoenixClient.connect({ url, module, params: { token: "bad" } }))
      assert.strictEqual(refused.status, 401)
      assert.include(refused.body, "claims")
    })
  )

  it.live("rejoins by itself after a lost connection and after a crash of the channel", () =>
    Effect.gen(function* () {
      const { url } = yield* server
      const rejoinAfterMs = () => 1
      const client = yield* PhoenixClient.connect({ url, module, params: { token: "good" }, rejoinAfterMs })
      const room = yield* client.join("room:a")
      yield* room.joins.next()
      yield* client.drop
      assert.strictEqual((yield* client.closes.next()).code, 1006)
      yield* room.joins.next()
      room.raw.push("crash", {})
      yield* room.joins.next()
      assert.strictEqual(room.errors.all.length, 2)
      assert.strictEqual(client.opens.all.length, 2)
    })
  )
})
