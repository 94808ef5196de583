import "./PhoenixBrowser.ts"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { CLOSED, CRASHING, topic } from "../edges/websocket/FakeConversations.ts"
import { type ServerOptions, type SocketServer, start, userId } from "../edges/websocket/SocketServer.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import * as Poll from "../support/Poll.ts"

/**
 * What makes a client speak V1, as those of Phoenix 1.2 did. V1 frames have no join_ref; such a client takes the `ref`
 * of a close or an error for it, and so knows a stale one.
 */
const speakV1: object = {
  vsn: "1.0.0",
  encode: (message: object, done: (text: string) => void) => done(JSON.stringify(message)),
  decode: (text: string, done: (message: object) => void) => {
    const message = JSON.parse(text)
    const isEnd = message.event === "phx_close" || message.event === "phx_error"
    done(isEnd ? { ...message, join_ref: message.ref } : message)
  }
}

/** The official clients, unmodified, over every transport. */
const transports = (module: PhoenixClient.PhoenixModule): Record<string, object> => ({
  "WebSocket V2": {},
  "WebSocket V1": speakV1,
  "long-poll": { transport: module.LongPoll }
})

const combinations = Object.entries(PhoenixClient.versions).flatMap(([version, module]) =>
  Object.entries(transports(module)).map(([transport, options]) => ({ version, module, transport, options }))
)

const A = topic(1)
const soon = () => 5
/**
 * Of long-poll. A session ends when its client has not polled for half as long again: it must not be one that only a busy
 * machine keeps from it.
 */
const WINDOW = "2 seconds"

interface Entry {
  readonly metas: ReadonlyArray<{ readonly device_id: string; readonly status: string }>
}

/** Who a client's own Presence shows: user → `device status`, sorted. */
const shown = (channel: PhoenixClient.ClientChannel) => {
  const entries = channel.presence.list<readonly [string, ReadonlyArray<string>]>((key, presence) => [
    key,
    (presence as unknown as Entry).metas.map((meta) => `${meta.device_id} ${meta.status}`).sort()
  ])
  return Object.fromEntries(entries)
}

describe.each(combinations)("phoenix $version over $transport", ({ module, options }) => {
  const connect = (server: SocketServer, more: Partial<PhoenixClient.ConnectOptions> = {}) =>
    PhoenixClient.connect({
      url: server.url,
      module,
      params: { token: "alice" },
      rejoinAfterMs: soon,
      reconnectAfterMs: soon,
      ...options,
      ...more
    })
  const connected = (settings?: ServerOptions) =>
    Effect.flatMap(start(settings), (server) => Effect.map(connect(server), (client) => ({ server, client })))

  it.live("joins, pushes, gets replies and broadcasts, its own included", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected()
      const room = yield* client.join<{ readonly current_seq: number }>(A)
      assert.strictEqual(room.reply.current_seq, 0)
      const other = yield* (yield* connect(server, { params: { token: "bob" } })).join(A)
      const sent = yield* room.push("send_message", { content: "hé 👋", client_random: 1 })
      assert.deepInclude(sent, { seq: 1, duplicate: false })
      for (const channel of [room, other]) {
        assert.deepInclude(yield* channel.next("new_message"), { seq: 1, content: "hé 👋" })
      }
      const refused = yield* Effect.flip(room.push("no_such_event"))
      assert.strictEqual(refused.status, "error")
      assert.deepInclude(refused.response, { reason: "invalid" })
    })
  )

  it.live("gets the reason of a refused join, a crashed one, and of a topic that nobody serves", () =>
    Effect.gen(function* () {
      const { client } = yield* connected()
      const refusal = (name: string) => Effect.map(Effect.flip(client.join(name)), ({ response }) => response)
      assert.deepStrictEqual(yield* refusal(`conversation:${CLOSED}`), { reason: "not_member" })
      assert.deepStrictEqual(yield* refusal(`conversation:${CRASHING}`), { reason: "join crashed" })
      assert.deepStrictEqual(yield* refusal("room:lobby"), { reason: "unmatched topic" })
      assert.deepInclude(yield* refusal(`user:${userId("bob")}`), { reason: "forbidden" })
    })
  )

  it.live("sends after the join what was pushed before it was answered", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected()
      const gate = (server.control.joinGate = yield* Deferred.make<void>())
      const room = client.channel(A)
      room.raw.push("send_message", { content: "early", client_random: 1 })
      server.control.joinGate = undefined
      yield* Deferred.succeed(gate, undefined)
      assert.deepInclude(yield* room.next("new_message"), { content: "early" })
    })
  )

  it.live("survives a join that takes longer than it waits: it leaves, and joins again", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected()
      const gate = (server.control.joinGate = yield* Deferred.make<void>())
      const room = client.socket.channel(A)
      yield* Effect.callback<void>((resume) => {
        // The joins after it are given no more time.
        room.join(500).receive("timeout", () => resume(Effect.void))
      })
      assert.strictEqual(room.state, "errored")
      server.control.joinGate = undefined
      yield* Deferred.succeed(gate, undefined)
      const sent = yield* Effect.callback<unknown>((resume) => {
        room
          .push("send_message", { content: "x", client_random: 1 }, 20_000)
          .receive("ok", (reply) => resume(Effect.succeed(reply)))
          .receive("timeout", () => resume(Effect.succeed("timeout")))
      })
      assert.deepInclude(sent, { seq: 1 })
      assert.strictEqual(room.state, "joined")
    })
  )

  it.live("leaves, and may leave again and come back", () =>
    Effect.gen(function* () {
      const { client } = yield* connected()
      const room = yield* client.join(A)
      room.raw.push("send_message", { content: "last", client_random: 1 })
      yield* room.leave
      yield* room.closes.next()
      assert.strictEqual(room.raw.state, "closed")
      yield* room.leave
      const back = yield* client.join(A)
      assert.deepInclude(yield* back.push("send_message", { content: "back", client_random: 2 }), { seq: 2 })
    })
  )

  it.live("replaces a channel by joining its topic again", () =>
    Effect.gen(function* () {
      const { client } = yield* connected()
      const first = yield* client.join(A)
      const second = yield* client.join(A)
      yield* first.closes.next()
      yield* second.push("send_message", { content: "x", client_random: 1 })
      yield* second.next("new_message")
      assert.deepStrictEqual(first.received("new_message"), [])
    })
  )

  it.live("rejoins by itself after its channel crashed; other channels do not notice", () =>
    Effect.gen(function* () {
      const { client } = yield* connected()
      const [room, other] = [yield* client.join(A), yield* client.join(topic(2))]
      yield* room.joins.next()
      room.raw.push("send_message", { content: "crash!", client_random: 1 })
      yield* room.errors.next()
      yield* room.joins.next()
      assert.deepInclude(yield* room.push("send_message", { content: "x", client_random: 2 }), { seq: 1 })
      assert.strictEqual(other.errors.all.length, 0)
    })
  )

  it.live("is refused a channel past the limit", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({ maxChannels: 3 })
      for (const n of [1, 2, 3]) yield* client.join(topic(n))
      const refused = yield* Effect.flip(client.join(topic(4)))
      assert.deepStrictEqual(refused.response, { reason: "too many channels joined" })
    })
  )

  it.live("reconnects and rejoins with its params, and misses nothing that was sent meanwhile", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({ window: WINDOW })
      const seen: Array<number> = []
      const params = () => ({ last_seq: seen.at(-1) ?? 0 })
      const room = client.channel<{ readonly messages: ReadonlyArray<{ readonly seq: number }> }>(A, params)
      room.raw.on("new_message", (message) => void seen.push((message as { readonly seq: number }).seq))
      yield* room.joins.next()
      yield* room.push("send_message", { content: "seen", client_random: 1 })
      const other = yield* (yield* connect(server, { params: { token: "bob" } })).join(A)
      // No frame of any version: the server closes with 1011, and over long-poll the next poll ends.
      client.socket.push({ topic: 0, event: 0, payload: {}, ref: "x", join_ref: null })
      yield* other.push("send_message", { content: "meanwhile", client_random: 2 })
      yield* client.closes.next()
      const again = yield* room.joins.next()
      const missed = again.messages.map(({ seq }) => seq)
      assert.deepStrictEqual([...new Set([...seen, ...missed])], [1, 2])
    })
  )

  it.live("shows presence: everybody, every device, changes, who leaves and who drops off", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({ window: WINDOW })
      const room = yield* client.join(A)
      const [alice, bob] = [userId("alice"), userId("bob")]
      const shows = (expected: object, channel = room) =>
        Poll.until(() => JSON.stringify(shown(channel)) === JSON.stringify(expected), {
          what: `presence ${JSON.stringify(expected)}`
        })
      yield* shows({ [alice]: ["phone online"] })
      const laptop = yield* connect(server, { params: { token: "alice:laptop" } })
      yield* laptop.join(A)
      yield* shows({ [alice]: ["laptop online", "phone online"] })
      const own = yield* laptop.join(`user:${alice}`)
      yield* own.push("update_presence", { status: "away" })
      yield* shows({ [alice]: ["laptop away", "phone online"] })
      const friend = yield* (yield* connect(server, { params: { token: "bob" } })).join(A)
      const everybody = { [alice]: ["laptop away", "phone online"], [bob]: ["phone online"] }
      yield* shows(everybody)
      yield* shows(everybody, friend)
      yield* friend.leave
      yield* shows({ [alice]: ["laptop away", "phone online"] })
      // Over long-poll nobody says that a client is gone: its session ends when its polls do.
      laptop.destroy()
      yield* shows({ [alice]: ["phone online"] })
    })
  )

  it.live("brings 250 pushes at once, and each is answered", () =>
    Effect.gen(function* () {
      const { client } = yield* connected()
      const room = yield* client.join(A)
      const sent = Array.from({ length: 250 }, (_, n) =>
        room.push<{ readonly seq: number }>("send_message", { content: String(n), client_random: n })
      )
      const replies = yield* Effect.all(sent, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        replies.map(({ seq }) => seq),
        Array.from({ length: 250 }, (_, n) => n + 1)
      )
    })
  )
})

describe.each(Object.entries(PhoenixClient.versions))("phoenix %s", (version, module) => {
  const common = { module, rejoinAfterMs: soon, reconnectAfterMs: soon, params: { token: "alice" } }

  it.live.each(["WebSocket", "long-poll"])("gets an error for a binary push over %s", (transport) =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const over = transport === "long-poll" ? { transport: module.LongPoll } : {}
      const client = yield* PhoenixClient.connect({ ...common, ...over, url })
      const room = yield* client.join(A)
      const refused = yield* Effect.flip(room.push("bin", new Uint8Array([1, 2, 255]).buffer))
      assert.deepInclude(refused.response, { reason: "invalid" })
    })
  )

  it.live("falls back to long-poll when no WebSocket can be had", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      // The page's origin is refused; over long-poll the client of Node sends none.
      const headers = { origin: "https://evil.example.com" }
      const client = yield* PhoenixClient.connect({
        ...common,
        url,
        headers,
        // It need not be waited for: a connection that fails falls back at once.
        longPollFallbackMs: 20_000,
        waitForOpen: false
      })
      const room = yield* client.join(A)
      assert.deepInclude(yield* room.push("send_message", { content: "x", client_random: 1 }), { seq: 1 })
      assert.strictEqual(client.refusals.all[0]?.status, 403)
    })
  )

  if (version === "1.7.21") return

  it.live.each(["WebSocket", "long-poll"])("passes its `authToken` over %s", (transport) =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const over = transport === "long-poll" ? { transport: module.LongPoll } : {}
      const client = yield* PhoenixClient.connect({
        ...common,
        ...over,
        url,
        params: {},
        authToken: "alice:tablet"
      })
      const own = yield* client.join<{ readonly device_id: string }>(`user:${userId("alice")}`)
      assert.strictEqual(own.reply.device_id, "tablet")
    })
  )
})
