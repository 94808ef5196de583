/**
 * The REST edge in the whole service, as a process of its own: what one side writes the other side sees, and the
 * refusals come from the services themselves.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import { makeIssuer } from "../layers/jwt/JwtIssuer.ts"
import { connect, poll } from "../security/Nodes.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Poll from "../support/Poll.ts"
import { RestClient } from "../support/RestClient.ts"
import * as TempDir from "../support/TempDir.ts"

interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly next_cursor: string | null
}

class App extends Context.Service<App, AppProcess.RunningApp>()("test/App") {
  static readonly layer = Layer.effect(App, AppProcess.start())
}

const fetching = (url: string, init?: RequestInit) => Effect.promise(() => fetch(url, init))

/** Alice and Bob in a group; Mallory outside. */
const setting = Effect.gen(function* () {
  const app = yield* App
  const [alice, bob, mallory] = [yield* Chat.person(app), yield* Chat.person(app), yield* Chat.person(app)]
  const id = yield* Chat.group(alice, bob)
  return { app, alice, bob, mallory, id, path: `/api/v1/conversations/${id}` }
})

layer(App.layer, { excludeTestServices: true, timeout: "2 minutes" })("REST in the whole service", (it) => {
  it.effect("a message sent by REST reaches the sockets, in the shape REST answered it", () =>
    Effect.gen(function* () {
      const { alice, app, bob, id, path } = yield* setting
      const socket = yield* Chat.connect(app, bob)
      const channel = yield* socket.join(`conversation:${id}`)
      const body = { content: "hello", client_random: 1, metadata: { mentions: [bob.user_id] } }
      const sent = yield* alice.rest.request<Message>("POST", `${path}/messages`, body)
      assert.strictEqual(sent.status, 201)
      assert.strictEqual(sent.body.sender_id, alice.user_id)
      assert.deepStrictEqual(yield* channel.next<Message>("new_message"), sent.body)
    })
  )

  it.effect("a message sent by a socket is in the history, in the shape the socket received it", () =>
    Effect.gen(function* () {
      const { alice, app, bob, id, path } = yield* setting
      const socket = yield* Chat.connect(app, alice)
      const channel = yield* socket.join(`conversation:${id}`)
      yield* channel.push("send_message", { content: "hello", client_random: 1 })
      const received = yield* channel.next<Message>("new_message")
      const page = yield* bob.rest.request<Page<Message>>("GET", `${path}/messages`)
      assert.deepStrictEqual(page.body, { items: [received], next_cursor: null })
      const one = yield* bob.rest.request<Message>("GET", `${path}/messages/${received.id}`)
      assert.deepStrictEqual(one.body, received)
    })
  )

  it.effect("a retry of a send by REST answers the message a socket had sent, with 200", () =>
    Effect.gen(function* () {
      const { alice, app, id, path } = yield* setting
      const socket = yield* Chat.connect(app, alice)
      const channel = yield* socket.join(`conversation:${id}`)
      yield* channel.push("send_message", { content: "first", client_random: 7 })
      const retry = yield* alice.rest.request<Message>("POST", `${path}/messages`, {
        content: "second",
        client_random: 7
      })
      assert.strictEqual(retry.status, 200)
      assert.strictEqual(retry.body.content, "first")
      assert.strictEqual(retry.body.seq, 1)
    })
  )

  it.effect("creates a direct conversation once for a pair, whoever asks, at once or later", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* setting
      const create = (me: Chat.Person, other: Chat.Person) =>
        me.rest.request<{ readonly id: string }>("POST", "/api/v1/conversations", {
          type: "direct",
          member_ids: [other.user_id]
        })
      const answers = yield* Effect.all([create(alice, bob), create(bob, alice), create(alice, bob)], {
        concurrency: 3
      })
      assert.strictEqual(new Set(answers.map(({ body }) => body.id)).size, 1)
      assert.deepStrictEqual(answers.map(({ status }) => status).sort(), [200, 200, 201])
    })
  )

  it.effect("pages through conversations and messages to the end, each once and in order", () =>
    Effect.gen(function* () {
      const { alice, path } = yield* setting
      for (let n = 1; n <= 7; n++) yield* Chat.group(alice)
      for (let n = 1; n <= 7; n++) {
        yield* alice.rest.request("POST", `${path}/messages`, { content: `${n}`, client_random: n })
      }
      const all = Effect.fnUntraced(function* <A>(start: string) {
        const found: Array<ReadonlyArray<A>> = []
        let cursor: string | null = ""
        while (cursor !== null) {
          const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`
          const { body }: { readonly body: Page<A> } = yield* alice.rest.request<Page<A>>(
            "GET",
            `${start}?limit=3${query}`
          )
          found.push(body.items)
          cursor = body.next_cursor
        }
        return found
      })
      const conversations = (yield* all<{ readonly id: string }>("/api/v1/conversations")).flat()
      assert.strictEqual(conversations.length, 8)
      assert.strictEqual(new Set(conversations.map(({ id }) => id)).size, 8)
      const messages = yield* all<Message>(`${path}/messages`)
      assert.deepStrictEqual(
        messages.map((items) => items.map(({ seq }) => seq)),
        [[5, 6, 7], [2, 3, 4], [1]]
      )
    })
  )

  it.effect("keeps reading and membership in step with the list", () =>
    Effect.gen(function* () {
      const { alice, bob, mallory, path } = yield* setting
      const send = (n: number) =>
        alice.rest.request("POST", `${path}/messages`, { content: `${n}`, client_random: n })
      yield* send(1)
      yield* send(2)
      const mine = Effect.map(
        bob.rest.request<Page<{ readonly unread_count: number; readonly last_read_seq: number }>>(
          "GET",
          "/api/v1/conversations"
        ),
        ({ body }) => body.items[0]
      )
      assert.deepInclude(yield* mine, { unread_count: 2, last_read_seq: 0 })
      const read = yield* bob.rest.request("POST", `${path}/mark-as-read`)
      assert.deepStrictEqual(read.body, { last_read_seq: 2, last_delivered_seq: 2 })
      assert.deepInclude(yield* mine, { unread_count: 0, last_read_seq: 2 })

      const added = yield* alice.rest.request("POST", `${path}/members`, { user_ids: [mallory.user_id] })
      assert.strictEqual(added.status, 201)
      assert.strictEqual((yield* mallory.rest.request("GET", path)).status, 200)
      const left = yield* mallory.rest.request("DELETE", `${path}/members/${mallory.user_id}`)
      assert.strictEqual(left.status, 204)
      assert.deepInclude((yield* mallory.rest.request("GET", path)).body, { reason: "not_member" })
    })
  )

  it.effect("answers a stranger alike whether the conversation exists or not, whatever is asked", () =>
    Effect.gen(function* () {
      const { mallory, path } = yield* setting
      const nowhere = "/api/v1/conversations/0198a3a0-0000-7000-8000-00000000dead"
      for (const [method, suffix, body] of [
        ["GET", "", undefined],
        ["PATCH", "", { metadata: {} }],
        ["GET", "/members", undefined],
        ["POST", "/members", { user_ids: [mallory.user_id] }],
        ["DELETE", `/members/${mallory.user_id}`, undefined],
        ["GET", "/messages", undefined],
        ["POST", "/messages", { content: "hello", client_random: 1 }],
        ["GET", `/messages/${mallory.user_id}`, undefined],
        ["POST", "/mark-as-read", { seq: 1 }],
        ["POST", "/delivered", { seq: 1 }]
      ] as const) {
        for (const base of [path, nowhere]) {
          const answer = yield* mallory.rest.request(method, `${base}${suffix}`, body)
          assert.deepInclude(answer.body, { status: 403, reason: "not_member" }, `${method} ${suffix}`)
        }
      }
    })
  )

  it.effect("refuses content past 10 MB with 413, body past its limit too, and stores neither", () =>
    Effect.gen(function* () {
      const { alice, path } = yield* setting
      for (const size of [10 * 1024 * 1024 + 1, 12 * 1024 * 1024]) {
        const body = { content: "x".repeat(size), client_random: 1 }
        const answer = yield* alice.rest.request("POST", `${path}/messages`, body)
        assert.deepInclude(answer.body, { status: 413, reason: "message_too_large" })
      }
      const page = yield* alice.rest.request<Page<Message>>("GET", `${path}/messages`)
      assert.deepStrictEqual(page.body.items, [])
    })
  )

  it.effect("writes the request id it answers with to the log", () =>
    Effect.gen(function* () {
      const { app, mallory, path } = yield* setting
      const headers = { authorization: `Bearer ${mallory.token}`, "x-request-id": "request-from-test" }
      const answer = yield* fetching(`${app.url}${path}`, { headers })
      assert.strictEqual(answer.headers.get("x-request-id"), "request-from-test")
      yield* app.outputMatching(/request-from-test/)
      assert.notInclude(app.output(), mallory.token)
    })
  )

  it.effect("shows its health, its documents and its page without a token", () =>
    Effect.gen(function* () {
      const app = yield* App
      const nobody = new RestClient(app.url, "")
      const ready = yield* nobody.request("GET", "/health/ready")
      assert.strictEqual(ready.status, 200)
      assert.deepInclude(ready.body, { status: "up" })
      for (const path of ["/", "/docs", "/metrics", "/api/openapi.json", "/assets/vendor/phoenix.mjs"]) {
        assert.strictEqual((yield* fetching(`${app.url}${path}`)).status, 200, path)
      }
    })
  )
})

describe("REST on a node that is full of sockets", () => {
  it.live(
    "answers as ever, for the node is ready, until it drains",
    () =>
      Effect.gen(function* () {
        const room = 5
        const env = { MAX_SOCKETS: String(room), DRAIN_TIMEOUT: "20 seconds" }
        const app = yield* AppProcess.start({ env })
        const people = yield* Effect.forEach(Array.from({ length: room }), () => Chat.person(app))
        for (const person of people) yield* connect(app, person)
        const ready = new RestClient(app.url, "").request<{ readonly status: string }>("GET", "/health/ready")
        const { body, status } = yield* ready
        assert.deepStrictEqual([status, body.status], [200, "degraded"])
        const late = yield* Chat.person(app)
        assert.deepInclude(yield* poll(app, { token: late.token }), { reason: "overloaded" })
        yield* late.rest.ok("GET", "/api/v1/conversations")
        yield* app.kill("SIGTERM")
        yield* Poll.until(Effect.map(ready, ({ status }) => status === 503))
      }),
    { timeout: 120_000 }
  )
})

describe("REST with an issuer of its own", () => {
  it.live("believes the keys of JWT_JWKS_FILE and no dev issuer, which does not exist there", () =>
    Effect.gen(function* () {
      const issuer = yield* Effect.promise(() => makeIssuer("EdDSA"))
      const file = join(yield* TempDir.make("jwks"), "jwks.json")
      yield* Effect.promise(() => writeFile(file, JSON.stringify(issuer.jwks)))
      const app = yield* AppProcess.start({
        env: { APP_ENV: "prod", JWT_JWKS_FILE: file, JWT_ISSUER: "issuer" }
      })
      const now = Math.floor(Date.now() / 1000)
      const token = yield* Effect.promise(() =>
        issuer.sign({
          sub: "0198a3a0-0000-7000-8000-000000000001",
          device_id: "phone",
          jti: "1",
          iss: "issuer",
          aud: "messaging-service",
          iat: now,
          exp: now + 60
        })
      )
      const LIST = "/api/v1/conversations"
      assert.strictEqual((yield* new RestClient(app.url, token).request("GET", LIST)).status, 200)
      const forger = new RestClient(app.url, `${token.slice(0, -4)}AAAA`)
      assert.deepInclude((yield* forger.request("GET", LIST)).body, {
        status: 401,
        reason: "token_signature"
      })
      assert.strictEqual((yield* forger.request("POST", "/dev/token", {})).status, 404)
      assert.strictEqual((yield* forger.request("GET", "/.well-known/jwks.json")).status, 404)
    })
  )
})
