/** One's sessions and devices on all nodes: listed, limited, and signed out, which closes their sockets everywhere. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import * as Poll from "../support/Poll.ts"
import { connect, type End, nextSecond, poll, socket, twoNodes } from "./Nodes.ts"

interface Listed {
  readonly session_id: string
  readonly device_id: string
  readonly is_current: boolean
  readonly session_count?: number
}

const list = (person: Chat.Person, what: "sessions" | "devices") =>
  Effect.map(
    person.rest.ok<{ readonly items: ReadonlyArray<Listed> }>("GET", `/api/v1/me/${what}`),
    ({ items }) => items
  )

const statusOf = (person: Chat.Person) =>
  Effect.map(person.rest.request("GET", "/api/v1/me/sessions"), ({ status }) => status)

const SIGNED_OUT: End = [1008, "token_revoked"]
/** They are told, and look for themselves only when they were cut off: who was not told is never closed. */
const soon = { deadline: 10_000 }
const minutes = { timeout: 120_000 }

describe("Sessions and devices", () => {
  it.live(
    "are listed from all nodes, and signed out on all nodes",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* twoNodes()
        const phone = yield* Chat.person(one, { device_id: "phone" })
        const { user_id } = phone
        const laptop = yield* Chat.person(one, { user_id, device_id: "laptop" })
        const watch = yield* Chat.person(one, { user_id, device_id: "watch" })
        const stranger = yield* Chat.person(one)
        const phoneHere = yield* connect(one, phone)
        const laptopThere = yield* connect(two, laptop)
        const laptopAgain = yield* connect(one, laptop)
        const watchThere = yield* connect(two, watch)
        yield* poll(two, { token: watch.token })

        const sessions = yield* list(phone, "sessions")
        assert.deepStrictEqual(
          sessions.map(({ device_id, is_current }) => [device_id, is_current]),
          [
            ["phone", true],
            ["laptop", false],
            ["laptop", false],
            ["watch", false],
            ["watch", false]
          ]
        )
        assert.deepStrictEqual(
          (yield* list(phone, "devices")).map(({ device_id, session_count }) => [device_id, session_count]),
          [
            ["phone", 1],
            ["laptop", 2],
            ["watch", 2]
          ]
        )
        assert.deepStrictEqual(yield* list(stranger, "sessions"), [])

        // Another's session is answered as one that does not exist.
        for (const id of [sessions[1]!.session_id, crypto.randomUUID()]) {
          const answer = yield* stranger.rest.request("DELETE", `/api/v1/me/sessions/${id}`)
          assert.strictEqual(answer.status, 404)
        }
        yield* phone.rest.ok("DELETE", `/api/v1/me/sessions/${sessions[1]!.session_id}`)
        assert.deepStrictEqual(yield* laptopThere.ends.next(soon), SIGNED_OUT)
        assert.deepStrictEqual(yield* laptopAgain.ends.next(soon), SIGNED_OUT)
        assert.strictEqual(yield* statusOf(laptop), 401)

        yield* phone.rest.ok("DELETE", "/api/v1/me/devices/watch")
        assert.deepStrictEqual(yield* watchThere.ends.next(soon), SIGNED_OUT)
        assert.strictEqual(yield* statusOf(watch), 401)
        const gone = Effect.map(list(phone, "sessions"), (left) => left.length === 1)
        yield* Poll.until(gone, { what: "the end of four sessions" })

        yield* phone.rest.ok("DELETE", "/api/v1/me/sessions")
        assert.deepStrictEqual(yield* phoneHere.ends.next(soon), SIGNED_OUT)
        assert.strictEqual(yield* statusOf(Chat.at(two, phone)), 401)
        yield* nextSecond
        assert.strictEqual(yield* statusOf(yield* Chat.person(one, { user_id, device_id: "watch" })), 200)
      }),
    minutes
  )

  it.live(
    "are limited on all nodes together, and each on its own while Redis is away; the rest of life goes on",
    () =>
      Effect.gen(function* () {
        const { one, redis, two } = yield* twoNodes({ MAX_CONNECTED_DEVICES: "2", MAX_SOCKETS_PER_USER: "3" })
        const phone = yield* Chat.person(one, { device_id: "phone" })
        const { user_id } = phone
        const [laptop, watch] = [
          yield* Chat.person(one, { user_id, device_id: "laptop" }),
          yield* Chat.person(one, { user_id, device_id: "watch" })
        ]
        const first = yield* connect(one, phone)
        yield* connect(two, laptop)
        const refused = yield* connect(two, watch)
        assert.deepStrictEqual(refused.ends.all, [[403, "devices:limit"]])
        assert.deepInclude(yield* poll(one, { token: watch.token }), { status: 403, reason: "forbidden" })
        yield* connect(one, laptop)
        assert.deepStrictEqual((yield* connect(two, phone)).ends.all, [[403, "connections:limit"]])
        first.ws.close()
        yield* Poll.until(
          Effect.gen(function* () {
            return (yield* connect(two, watch)).ends.all.length === 0
          }),
          { what: "the place of the phone" }
        )

        yield* redis.kill9
        assert.deepStrictEqual((yield* connect(one, phone)).ends.all, [])
        assert.deepStrictEqual((yield* connect(one, watch)).ends.all, [[403, "devices:limit"]])
        assert.strictEqual(yield* statusOf(phone), 503)
        yield* redis.restart({ empty: true })
      }),
    minutes
  )

  it.live(
    "are signed out one by one only so often, also by who is blocked; everywhere, always",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({
          env: {
            RATE_LIMITS: "on",
            RATE_LIMIT_SIGN_OUT: "2 per 1 hour",
            SUSPICION_MESSAGES: "1 per 1 minute"
          }
        })
        const [alice, bob] = yield* Effect.all([Chat.person(app, { device_id: "phone" }), Chat.person(app)])
        const id = yield* Chat.direct(alice, bob)
        const ask = (method: string, path: string, body?: unknown) =>
          Effect.map(alice.rest.request(method, path, body), ({ status }) => status)
        const send = (client_random: number) =>
          ask("POST", `/api/v1/conversations/${id}/messages`, { content: "x", client_random })
        assert.deepStrictEqual([yield* send(1), yield* send(2)], [201, 403])
        const endDevice = (name: string) => ask("DELETE", `/api/v1/me/devices/${name}`)
        assert.deepStrictEqual(
          [yield* endDevice("a"), yield* endDevice("b"), yield* endDevice("c")],
          [204, 204, 429]
        )
        assert.strictEqual(yield* ask("DELETE", "/api/v1/me/sessions"), 204)
      }),
    minutes
  )

  it.live(
    "are found again after Redis came back empty, and follow the token they go on with",
    () =>
      Effect.gen(function* () {
        const { one, redis } = yield* twoNodes({ SESSION_LEASE: "3 seconds" })
        const alice = yield* Chat.person(one)
        const client = yield* Chat.connect(one, alice)
        const me = yield* client.join(`user:${alice.user_id}`)
        yield* redis.kill9
        yield* redis.restart({ empty: true })
        yield* Poll.until(
          Effect.map(list(alice, "sessions"), (sessions) => sessions.length === 1),
          { what: "the session in the new Redis" }
        )
        const { device_id, user_id } = alice
        const newer = yield* Chat.person(one, { user_id, device_id })
        yield* me.push("refresh_token", { token: newer.token })
        const [session] = yield* list(alice, "sessions")
        yield* alice.rest.ok("DELETE", `/api/v1/me/sessions/${session!.session_id}`)
        assert.strictEqual(yield* statusOf(newer), 401)
        assert.strictEqual(yield* statusOf(alice), 200)
      }),
    minutes
  )
})

describe("A ticket", () => {
  it.live(
    "lets one of a hundred sockets in, and is worth nothing when its token was revoked meanwhile",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { RATE_LIMITS: "off" } })
        const admin = yield* Chat.person(app, { scope: "admin" })
        const alice = yield* Chat.person(app)
        const ticketOf = Effect.map(
          alice.rest.ok<{ readonly ticket: string }>("POST", "/api/v1/socket-tickets"),
          ({ ticket }) => ticket
        )
        const ticket = yield* ticketOf
        const sockets = yield* Effect.forEach(Array.from({ length: 100 }), () => socket(app, { ticket }), {
          concurrency: "unbounded"
        })
        assert.strictEqual(sockets.filter(({ ends }) => ends.all.length === 0).length, 1)
        const refusals = sockets.flatMap(({ ends }) => ends.all)
        assert.deepStrictEqual(refusals, Array(99).fill([401, "token_replayed"]))

        const late = yield* ticketOf
        yield* admin.rest.ok("POST", "/api/v1/admin/revocations", { user_id: alice.user_id })
        const refused = yield* Effect.flip(
          PhoenixClient.connect({ url: app.wsUrl, params: { ticket: late } })
        )
        assert.deepStrictEqual([refused.status, JSON.parse(refused.body).reason], [401, "token_revoked"])
      }),
    minutes
  )
})
