/**
 * Revoked while cached, and revoked while connected: over WebSocket and long-poll, on the node that was told and on the
 * others, also on one that could not hear of it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { WebSocket } from "ws"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import type { Inbox } from "../support/Inbox.ts"
import * as Poll from "../support/Poll.ts"
import { connect, type End, nextSecond, poll, twoNodes } from "./Nodes.ts"

/** Milliseconds. They are told, and look for themselves only when they were cut off: who was not told is never closed. */
const SOON = 10_000

const ME = "/api/v1/conversations"

const reasonOf = (person: Chat.Person) =>
  Effect.map(person.rest.request<{ readonly reason?: string } | null>("GET", ME), ({ body, status }) =>
    status === 200 ? "believed" : `${status} ${body?.reason}`
  )

const revokedSoon = (ends: Inbox<End>) =>
  Effect.map(ends.next({ deadline: SOON }), (end) => assert.deepStrictEqual(end, [1008, "token_revoked"]))

const revoke = (admin: Chat.Person, what: object) =>
  admin.rest.ok<{ readonly kind: string }>("POST", "/api/v1/admin/revocations", what)

const minutes = { timeout: 120_000 }

describe("A revocation, on one node alone", () => {
  it.live(
    "ends one token and its sockets, or all of a device, or all of a user; later tokens are good",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { RATE_LIMITS: "off" } })
        const admin = yield* Chat.person(app, { scope: "admin" })
        const phone = yield* Chat.person(app, { jti: "one-of-three" })
        const { user_id } = phone
        const laptop = yield* Chat.person(app, { user_id, device_id: "laptop" })
        const bystander = yield* Chat.person(app)
        const people = [phone, laptop, bystander]
        const sockets = yield* Effect.forEach(people, (person) => connect(app, person))
        const polled = yield* poll(app, { token: laptop.token })
        assert.deepStrictEqual(yield* Effect.forEach(people, reasonOf), Array(3).fill("believed"))

        assert.deepInclude(yield* revoke(admin, { token_id: "one-of-three" }), { kind: "token" })
        yield* revokedSoon(sockets[0]!.ends)
        assert.strictEqual(yield* reasonOf(phone), "401 token_revoked")
        assert.strictEqual(yield* reasonOf(laptop), "believed")

        assert.deepInclude(yield* revoke(admin, { user_id, device_id: "laptop" }), { kind: "device" })
        yield* revokedSoon(sockets[1]!.ends)
        assert.strictEqual(yield* reasonOf(laptop), "401 token_revoked")
        assert.strictEqual((yield* poll(app, { token: polled.token! })).status, 500)
        assert.deepInclude(yield* poll(app, { token: laptop.token }), {
          status: 403,
          reason: "token_revoked"
        })

        const again = yield* Chat.person(app, { user_id, device_id: "watch" })
        const watch = yield* connect(app, again)
        assert.deepInclude(yield* revoke(admin, { user_id }), { kind: "user" })
        yield* revokedSoon(watch.ends)
        assert.strictEqual(yield* reasonOf(again), "401 token_revoked")
        assert.strictEqual(yield* reasonOf(bystander), "believed")
        assert.strictEqual(sockets[2]!.ends.all.length, 0)
        yield* nextSecond
        assert.strictEqual(yield* reasonOf(yield* Chat.person(app, { user_id })), "believed")
      }),
    minutes
  )

  it.live("is for admins alone, and says what is wrong with it", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start({ env: { RATE_LIMITS: "off" } })
      const someone = yield* Chat.person(app)
      const path = "/api/v1/admin/revocations"
      const refused = yield* someone.rest.request("POST", path, { user_id: someone.user_id })
      assert.strictEqual(refused.status, 403)
      const admin = yield* Chat.person(app, { scope: "admin" })
      for (const wrong of [{}, { token_id: "" }, { user_id: "me" }, { device_id: "phone" }]) {
        assert.strictEqual(
          (yield* admin.rest.request("POST", path, wrong)).status,
          400,
          JSON.stringify(wrong)
        )
      }
    })
  )
})

describe("A single-use token", () => {
  it.live("is good once, for whatever it is used", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start({ env: { RATE_LIMITS: "off" } })
      const once = yield* Chat.person(app, { single_use: true })
      yield* connect(app, once)
      assert.strictEqual(yield* reasonOf(once), "401 token_replayed")
      assert.deepInclude(yield* poll(app, { token: once.token }), { status: 403, reason: "token_replayed" })
    })
  )

  it.live(
    "lets one of a hundred connections in that race for it on two nodes",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* twoNodes()
        const once = yield* Chat.person(one, { single_use: true })
        const statuses = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? one : two)),
          (app) => poll(app, { token: once.token }),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(statuses.filter(({ status }) => status === 410).length, 1)
        assert.strictEqual(statuses.filter(({ reason }) => reason === "token_replayed").length, 99)
      }),
    minutes
  )
})

describe("A revocation, on two nodes", () => {
  it.live(
    "closes the sockets of the other, and is known there though the token was believed before",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* twoNodes()
        const admin = yield* Chat.person(one, { scope: "admin" })
        const alice = yield* Chat.person(one)
        const there = Chat.at(two, alice)
        assert.strictEqual(yield* reasonOf(there), "believed")
        const { ends } = yield* connect(two, alice)
        yield* revoke(admin, { user_id: alice.user_id })
        yield* revokedSoon(ends)
        assert.strictEqual(yield* reasonOf(there), "401 token_revoked")
      }),
    minutes
  )

  it.live(
    "reaches a node that was cut off when that hears again",
    () =>
      Effect.gen(function* () {
        const { one, redis, two } = yield* twoNodes()
        const admin = yield* Chat.person(one, { scope: "admin" })
        const alice = yield* Chat.person(one)
        const { ends, ws } = yield* connect(two, alice)
        // The other node hears nothing, and cannot ask: its own connections are gone.
        yield* two.kill("SIGSTOP")
        yield* revoke(admin, { user_id: alice.user_id })
        yield* redis.kill9
        yield* redis.restart()
        yield* two.kill("SIGCONT")
        assert.deepStrictEqual(yield* ends.next({ deadline: 20_000 }), [1008, "token_revoked"])
        assert.strictEqual(ws.readyState, WebSocket.CLOSED)
        assert.strictEqual(yield* reasonOf(Chat.at(two, alice)), "401 token_revoked")
      }),
    minutes
  )

  it.live(
    "outlives a Redis that comes back empty: a node that starts later refuses the token, too",
    () =>
      Effect.gen(function* () {
        const { env, one, redis } = yield* twoNodes()
        const admin = yield* Chat.person(one, { scope: "admin" })
        const alice = yield* Chat.person(one)
        yield* revoke(admin, { user_id: alice.user_id })
        yield* redis.kill9
        yield* redis.restart({ empty: true })
        const three = yield* AppProcess.start({ env })
        yield* Poll.until(
          Effect.map(reasonOf(Chat.at(three, alice)), (reason) => reason === "401 token_revoked"),
          { what: "the refusal", deadline: 20_000 }
        )
      }),
    minutes
  )
})
