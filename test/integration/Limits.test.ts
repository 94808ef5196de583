/**
 * The limits of the started program, on two nodes over one Redis: they cannot be got around by another node, another
 * transport, another device or another address of the same network, and what a node blocks, all nodes block.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as RawRpc from "../edges/rpc/RawRpc.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import * as Poll from "../support/Poll.ts"
import { RestClient } from "../support/RestClient.ts"

const calm = {
  SUSPICION_MESSAGES: "off",
  SUSPICION_UNANSWERED: "off",
  SUSPICION_CONNECTIONS: "off",
  SUSPICION_JOINS: "off",
  SUSPICION_BAD_TOKENS: "off",
  ADDRESS_LIMIT_CONNECTION: "off"
}

/** Limits are shared, and exact, while Redis answers in time: on a busy machine it has more of it. */
const twoNodes = (limits: Readonly<Record<string, string>>) =>
  Nodes.two({
    REDIS_TIMEOUT: "20 seconds",
    TRUSTED_PROXIES: "127.0.0.1",
    RATE_LIMITS: "on",
    ...limits
  })

let random = 0
const send = (person: Chat.Person, id: string) =>
  person.rest.request<{
    readonly reason?: string
    readonly until?: string
    readonly retry_after_ms?: number
  }>("POST", `/api/v1/conversations/${id}/messages`, { content: "hello", client_random: random++ })

interface Upgrade {
  readonly status: number | undefined
  readonly reason: unknown
}

/** What a WebSocket connection from an address behind the proxy is answered; 101 when it is open. */
const connectFrom = (app: AppProcess.RunningApp, token: string, address: string) =>
  PhoenixClient.connect({ url: app.wsUrl, params: { token }, headers: { "x-forwarded-for": address } }).pipe(
    Effect.match({
      onSuccess: (): Upgrade => ({ status: 101, reason: undefined }),
      onFailure: ({ body, status }): Upgrade => ({ status, reason: JSON.parse(body).reason })
    })
  )

/** The same for a connection of typed RPC. */
const rpcFrom = (app: AppProcess.RunningApp, token: string, address: string) =>
  Effect.scoped(
    RawRpc.connect(app.url, { params: { token }, headers: { "x-forwarded-for": address } }).pipe(
      Effect.match({ onSuccess: () => "open", onFailure: (refusal) => refusal })
    )
  )

/** How a stream of typed RPC over HTTP, of a conversation that there is not, is refused. */
const streamFrom = (app: AppProcess.RunningApp, token: string, address: string) =>
  Effect.map(
    RawRpc.post(
      app.url,
      `Bearer ${token}`,
      "conversationEvents",
      { conversation_id: crypto.randomUUID() },
      { "x-forwarded-for": address }
    ),
    ({ exit }) => exit?.cause?.[0]?.error?._tag
  )

const pollFrom = (app: AppProcess.RunningApp, token: string, address: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${app.url}/socket/longpoll?vsn=2.0.0&token=${token}`, {
      headers: { "x-forwarded-for": address }
    })
    const body = (await response.json()) as { readonly status: number; readonly reason?: string }
    return { ...body, retryAfter: response.headers.get("retry-after") }
  })

const minutes = { timeout: 120_000 }

describe("A limit", () => {
  it.live(
    "is set to what can be done and undone without end, over every edge together, and to nothing else",
    () =>
      Effect.gen(function* () {
        const env = { ...calm, RATE_LIMITS: "on", RATE_LIMIT_REACTION: "4 per 1 hour" }
        const app = yield* AppProcess.start({ env })
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.group(alice, bob)
        const { body: said } = yield* send(alice, id)
        const at = `/api/v1/conversations/${id}/messages/${(said as { readonly id?: string }).id}`
        const channel = yield* Effect.flatMap(Chat.connect(app, alice), (socket) =>
          socket.join(`conversation:${id}`)
        )
        const one = { message_id: at.split("/").at(-1) }
        yield* channel.push("add_reaction", { ...one, reaction: "👍" })
        yield* channel.push("remove_reaction", { ...one, reaction: "👍" })
        yield* channel.push("pin_message", one)
        yield* alice.rest.ok("DELETE", `${at}/pin`)
        const refused = { reason: "rate_limited", scope: "reaction", limit: 4 }
        for (const [event, payload] of [
          ["add_reaction", { ...one, reaction: "👍" }],
          ["unpin_message", one]
        ] as const) {
          const error = yield* Effect.flip(channel.push(event, payload))
          assert.deepInclude(error.response as object, refused, event)
        }
        const over = yield* alice.rest.request<object>("POST", `${at}/reactions`, { reaction: "👍" })
        assert.deepInclude(over.body, { ...refused, status: 429 })
        yield* bob.rest.ok("POST", `${at}/reactions`, { reaction: "👍" })
        yield* alice.rest.ok("PATCH", at, { content: "edited" })
        yield* alice.rest.ok("DELETE", `${at}?scope=everyone`)
      }),
    minutes
  )

  it.live(
    "is one for all changes that others or one's own devices are told of; who wants to leave may",
    () =>
      Effect.gen(function* () {
        const env = {
          ...calm,
          RATE_LIMITS: "on",
          RATE_LIMIT_CHANGE: "7 per 1 hour",
          RATE_LIMIT_SEARCH: "2 per 1 hour"
        }
        const app = yield* AppProcess.start({ env })
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.group(alice, bob)
        const at = `/api/v1/conversations/${id}`
        const scheduled_for = new Date(Date.now() + 3_600_000).toISOString()
        const changes = [
          ["PATCH", `${at}/settings`, { who_may_pin: "everyone" }],
          ["PATCH", `${at}/members/${bob.user_id}`, { role: "admin" }],
          ["PATCH", `${at}/settings/me`, { muted: true }],
          ["PUT", `${at}/draft`, { content: "x" }],
          ["POST", `${at}/scheduled-messages`, { content: "x", client_random: random++, scheduled_for }],
          ["PATCH", "/api/v1/me/preferences", { read_receipts: false }],
          ["DELETE", `${at}/members/${bob.user_id}`, undefined]
        ] as const
        for (const [method, path, body] of changes) yield* alice.rest.ok(method, path, body)
        const refused = { status: 429, reason: "rate_limited", scope: "change", limit: 7 }
        for (const [method, path, body] of changes) {
          assert.deepInclude((yield* alice.rest.request<object>(method, path, body)).body, refused, path)
        }
        yield* alice.rest.ok("POST", `${at}/leave`)

        for (const path of ["conversations/search?q=a", "messages/search?q=a"]) {
          yield* bob.rest.ok("GET", `/api/v1/${path}`)
        }
        const search = yield* bob.rest.request<object>("GET", "/api/v1/conversations/search?q=a")
        assert.deepInclude(search.body, { status: 429, scope: "search", limit: 2 })
      }),
    minutes
  )
})

describe("Limits on two nodes", () => {
  it.live(
    "count messages as one, over both nodes, REST and sockets, and say when there will be more",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* twoNodes({ ...calm, RATE_LIMIT_MESSAGE: "10 per 1 hour" })
        const alice = yield* Chat.person(one)
        const bob = yield* Chat.person(one)
        const id = yield* Chat.direct(alice, bob)
        const there = Chat.at(two, alice)
        const client = yield* PhoenixClient.connect({ url: two.wsUrl, params: { token: alice.rest.token } })
        const channel = yield* client.join(`conversation:${id}`)
        for (let i = 0; i < 3; i++) {
          assert.strictEqual((yield* send(alice, id)).status, 201)
          assert.strictEqual((yield* send(there, id)).status, 201)
          yield* channel.push("send_message", { content: "hello", client_random: random++ })
        }
        const last = yield* send(there, id)
        assert.strictEqual(last.status, 201)
        assert.match(last.headers.get("ratelimit") ?? "", /^"message";r=0;t=3[456]\d\d$/)

        const refused = yield* send(alice, id)
        assert.strictEqual(refused.status, 429)
        assert.strictEqual(refused.body.reason, "rate_limited")
        assert.isAtLeast(refused.body.retry_after_ms ?? 0, 3_000_000)
        assert.strictEqual(refused.headers.get("ratelimit-policy"), `"message";q=10;w=3600`)
        assert.match(refused.headers.get("ratelimit") ?? "", /^"message";r=0;t=3[456]\d\d$/)
        assert.match(refused.headers.get("retry-after") ?? "", /^3[456]\d\d$/)
        assert.strictEqual((yield* send(there, id)).status, 429)
        const pushed = yield* Effect.flip(
          channel.push("send_message", { content: "hello", client_random: random++ })
        )
        assert.include(JSON.stringify(pushed.response), `"reason":"rate_limited"`)
        assert.include(JSON.stringify(pushed.response), `"retry_after_ms"`)
        assert.strictEqual((yield* send(bob, id)).status, 201, "another user is not concerned")
      }),
    minutes
  )

  it.live(
    "count connections by network, over both nodes, WebSocket, long-poll and RPC, whatever a client says of its address",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* twoNodes({ ...calm, ADDRESS_LIMIT_CONNECTION: "4 per 1 hour" })
        const { token } = yield* one.token({})
        const of = (host: number) => `2001:db8:1:1::${host}`
        assert.strictEqual((yield* connectFrom(one, token, of(1))).status, 101)
        assert.strictEqual((yield* connectFrom(two, token, of(2))).status, 101)
        assert.strictEqual((yield* pollFrom(two, token, of(3))).status, 410, "a new long-poll session")
        assert.strictEqual(yield* rpcFrom(one, token, of(7)), "open")
        assert.strictEqual(yield* rpcFrom(two, token, of(8)), "429 rate_limited")
        assert.deepStrictEqual(yield* connectFrom(one, token, of(4)), { status: 429, reason: "rate_limited" })
        const polled = yield* pollFrom(two, token, of(5))
        assert.strictEqual(polled.reason, "rate_limited")
        assert.match(polled.retryAfter ?? "", /^3[456]\d\d$/)
        assert.strictEqual((yield* connectFrom(one, token, `9.9.9.9, ${of(6)}`)).status, 429, "a forged hop")
        assert.strictEqual((yield* connectFrom(one, token, "2001:db8:1:2::1")).status, 101, "another network")
      }),
    minutes
  )

  it.live(
    "count open sockets by network, over both nodes and transports, and take another when one has gone",
    () =>
      Effect.gen(function* () {
        // Nobody polls the session of long-poll: it is to stay all the same.
        const limits = { ...calm, MAX_SOCKETS_PER_ADDRESS: "4", LONG_POLL_WINDOW: "2 minutes" }
        const { one, two } = yield* twoNodes(limits)
        const of = (host: number) => `2001:db8:1:1::${host}`
        const someone = (app: AppProcess.RunningApp) => Effect.map(app.token({}), ({ token }) => token)
        const first = yield* PhoenixClient.connect({
          url: one.wsUrl,
          params: { token: yield* someone(one) },
          headers: { "x-forwarded-for": of(1) }
        })
        assert.strictEqual((yield* connectFrom(two, yield* someone(one), of(2))).status, 101)
        assert.strictEqual((yield* pollFrom(two, yield* someone(one), of(3))).status, 410)
        yield* RawRpc.connect(two.url, {
          params: { token: yield* someone(one) },
          headers: { "x-forwarded-for": of(8) }
        })

        const polled = yield* pollFrom(one, yield* someone(one), of(4))
        assert.deepInclude(polled, { status: 403, reason: "rate_limited", retryAfter: "30" })
        const token = yield* someone(one)
        for (const address of [of(5), `9.9.9.9, ${of(6)}`]) {
          for (const app of [one, two]) {
            const refused = yield* connectFrom(app, token, address)
            assert.deepStrictEqual(refused, { status: 429, reason: "rate_limited" })
            assert.strictEqual(yield* rpcFrom(app, token, address), "429 rate_limited")
            assert.strictEqual(yield* streamFrom(app, token, address), "RateLimited")
          }
        }
        assert.strictEqual((yield* connectFrom(one, token, "2001:db8:1:2::1")).status, 101, "another network")
        assert.strictEqual(yield* streamFrom(one, token, "2001:db8:1:2::2"), "NotMember", "another network")
        const metrics = yield* Effect.promise(async () => (await fetch(`${one.url}/metrics`)).text())
        assert.match(metrics, /^sockets_refused_total\{reason="rate_limited"\} 5$/m)

        yield* first.disconnect
        yield* Poll.until(Effect.map(connectFrom(two, token, of(7)), ({ status }) => status === 101))
      }),
    minutes
  )

  it.live(
    "block by one node whom the other then refuses at sends, joins and connections, until an operator lifts it",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* twoNodes({
          ...calm,
          SUSPICION_MESSAGES: "5 per 1 minute",
          BLOCK_LENGTHS: "1 hour, 2 hours"
        })
        const alice = yield* Chat.person(one)
        const bob = yield* Chat.person(one)
        const admin = new RestClient(two.url, (yield* one.token({ scope: "admin" })).token)
        const id = yield* Chat.direct(alice, bob)
        const there = Chat.at(two, alice)
        const client = yield* PhoenixClient.connect({ url: two.wsUrl, params: { token: alice.rest.token } })
        assert.strictEqual((yield* send(there, id)).status, 201)
        let answer = yield* send(alice, id)
        for (let i = 0; i < 5 && answer.status === 201; i++) answer = yield* send(alice, id)
        assert.strictEqual(answer.status, 403)
        assert.strictEqual(answer.body.reason, "blocked")
        assert.isAtLeast(Date.parse(answer.body.until ?? ""), Date.now() + 3_500_000)

        yield* Poll.until(Effect.map(send(there, id), ({ status }) => status === 403))
        const join = yield* Effect.flip(client.join(`conversation:${id}`))
        assert.include(JSON.stringify(join.response), `"reason":"blocked"`)
        const { reason, status } = yield* connectFrom(two, alice.rest.token, "10.0.0.1")
        assert.deepStrictEqual({ reason, status }, { reason: "blocked", status: 403 })
        assert.strictEqual((yield* send(bob, id)).status, 201)

        interface Listed {
          readonly items: ReadonlyArray<{ readonly subject: string; readonly rule: string }>
        }
        const listed = yield* admin.ok<Listed>("GET", "/api/v1/admin/blocks")
        assert.deepStrictEqual(
          listed.items.map(({ rule, subject }) => [rule, subject]),
          [["messages", alice.user_id]]
        )
        const path = `/api/v1/admin/blocks?user_id=${alice.user_id}`
        assert.strictEqual((yield* bob.rest.request("DELETE", path)).status, 403)
        yield* admin.ok("DELETE", path)
        assert.strictEqual((yield* admin.request("DELETE", path)).status, 404)
        yield* Poll.until(Effect.map(send(alice, id), ({ status }) => status === 201))
        assert.strictEqual((yield* send(there, id)).status, 201)
      }),
    minutes
  )

  it.live(
    "refuse an address before its tokens are looked at, once too many were no good",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* twoNodes({ ...calm, ADDRESS_LIMIT_AUTH_ATTEMPTS: "4 per 1 hour" })
        const good = (yield* one.token({})).token
        for (let i = 0; i < 4; i++) {
          assert.strictEqual((yield* connectFrom(i % 2 === 0 ? one : two, "rubbish", "10.0.0.2")).status, 401)
        }
        // Each node finds out with one more.
        for (const app of [one, two]) {
          yield* Poll.until(
            Effect.map(connectFrom(app, "rubbish", "10.0.0.2"), ({ status }) => status === 429)
          )
          assert.strictEqual((yield* connectFrom(app, good, "10.0.0.2")).status, 429)
          assert.strictEqual((yield* connectFrom(app, good, "10.0.0.3")).status, 101)
          assert.strictEqual(yield* rpcFrom(app, good, "10.0.0.2"), "429 rate_limited")
        }
        // A device that was signed out tries on, as clients do. Others of its address come in all the same.
        const phone = yield* Chat.person(one)
        yield* phone.rest.request("DELETE", "/api/v1/me/sessions")
        for (let i = 0; i < 6; i++) {
          const { reason, status } = yield* connectFrom(one, phone.token, "10.0.0.3")
          assert.deepStrictEqual([status, reason], [401, "token_revoked"])
        }
        assert.strictEqual((yield* connectFrom(one, good, "10.0.0.3")).status, 101)
      }),
    minutes
  )

  it.live(
    "hold locally while Redis is gone",
    () =>
      Effect.gen(function* () {
        const { one, redis } = yield* twoNodes({ ...calm, RATE_LIMIT_MESSAGE: "10 per 1 hour" })
        const alice = yield* Chat.person(one)
        const id = yield* Chat.direct(alice, yield* Chat.person(one))
        yield* redis.kill9
        const answers: Array<number> = []
        for (let i = 0; i < 20; i++) answers.push((yield* send(alice, id)).status)
        const taken = answers.filter((status) => status === 201).length
        // The half of it, or all where the nodes had not heard of each other yet.
        assert.include([5, 10], taken)
        assert.deepStrictEqual(new Set(answers), new Set([201, 429]))
      }),
    minutes
  )
})
