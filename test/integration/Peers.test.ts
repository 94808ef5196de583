/** The server and its peers, which refuse, fail, and are away. */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { HealthReport } from "../../src/domain/ports/Health.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as FakePeer from "../support/FakePeer.ts"
import { PushRefused } from "../support/PhoenixClient.ts"
import * as Poll from "../support/Poll.ts"

const reasonOf = (error: unknown) =>
  error instanceof PushRefused ? error.response : (error as { readonly response: unknown }).response

const healthOf = async (app: AppProcess.RunningApp) => {
  const response = await fetch(`${app.url}/health`)
  const { checks, status } = (await response.json()) as HealthReport
  return { http: response.status, status, checks }
}

/** A peer that is there is heard, however busy the machine is: what it says is the matter here, and not how soon. */
const PATIENCE = { PEER_TIMEOUT: "10 seconds" }

/** Grants everything. */
const generous = ({ method }: FakePeer.Asked): FakePeer.Behaviour =>
  method === "ValidateMessagePermissions" ? { permission_granted: true } : { access_granted: true }

const withUsers = Effect.fnUntraced(function* (env: Readonly<Record<string, string>> = {}) {
  const users = yield* FakePeer.make("user.UserService")
  users.behave(generous)
  const app = yield* AppProcess.start({ env: { ...PATIENCE, USER_SERVICE_URL: users.url.href, ...env } })
  return { app, users }
})

const send = (sender: Chat.Person, id: string, client_random: number, more: object = {}) =>
  sender.rest.request<{ readonly reason?: string; readonly rule?: string }>(
    "POST",
    `/api/v1/conversations/${id}/messages`,
    { content: "hello", client_random, ...more }
  )

describe("With a user service", () => {
  it.live("who may not send does not, over any edge; whoever was blocked meanwhile included", () =>
    Effect.gen(function* () {
      const { app, users } = yield* withUsers({ PERMISSION_TTL: "1 millis" })
      const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.direct(alice, bob)
      const channel = yield* (yield* Chat.connect(app, alice)).join(`conversation:${id}`)
      yield* channel.push("send_message", { content: "hello", client_random: 1 })
      const asked = users.asked.find(({ method }) => method === "ValidateMessagePermissions")
      assert.deepStrictEqual(asked?.request, {
        sender_id: alice.user_id,
        conversation_id: id,
        participant_ids: [bob.user_id],
        message_type: "text"
      })

      users.behave(() => ({ permission_granted: true, blocked_recipients: [bob.user_id] }))
      const refused = yield* Effect.flip(channel.push("send_message", { content: "x", client_random: 2 }))
      assert.deepInclude(reasonOf(refused), { reason: "forbidden", rule: "permission:send" })
      const overRest = yield* send(alice, id, 3)
      assert.strictEqual(overRest.status, 403)
      assert.deepInclude(overRest.body, { reason: "forbidden", rule: "permission:send" })
      assert.lengthOf(yield* Chat.history(bob, id), 1)
    })
  )

  it.live("it is asked once for many messages, and never of a stranger's", () =>
    Effect.gen(function* () {
      const { app, users } = yield* withUsers()
      const [alice, mallory] = [yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice)
      for (const client_random of [1, 2, 3, 4, 5]) yield* send(alice, id, client_random)
      assert.strictEqual((yield* send(mallory, id, 1)).status, 403)
      const asked = users.asked.filter(({ method }) => method === "ValidateMessagePermissions")
      assert.deepStrictEqual(
        asked.map(({ request }) => request.sender_id),
        [alice.user_id]
      )
    })
  )

  it.live("who may not join, or invite, does not", () =>
    Effect.gen(function* () {
      const { app, users } = yield* withUsers()
      const [alice, bob, carol] = [yield* Chat.person(app), yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice, carol)
      users.behave(({ method }) =>
        method === "CheckUserBlocks" ? { is_blocked: { [bob.user_id]: true } } : { access_granted: false }
      )
      const socket = yield* Chat.connect(app, alice)
      const refused = yield* Effect.flip(socket.join(`conversation:${id}`))
      assert.deepInclude(reasonOf(refused), { reason: "forbidden", rule: "permission:join" })

      const created = yield* Effect.flip(Chat.direct(alice, bob))
      assert.deepInclude(created, { status: 403 })
      assert.deepInclude(created.body, { rule: "permission:invite" })
      const added = yield* alice.rest.request("POST", `/api/v1/conversations/${id}/members`, {
        user_ids: [bob.user_id]
      })
      assert.deepInclude(added.body, { rule: "permission:invite" })

      // Who may add nobody does not learn whom the user service would let them add.
      const before = users.asked.length
      const tried = yield* carol.rest.request("POST", `/api/v1/conversations/${id}/members`, {
        user_ids: [bob.user_id]
      })
      assert.deepInclude(tried.body, { rule: "setting:who_may_add_members" })
      assert.lengthOf(users.asked, before)
    })
  )

  it.live("that is away everything goes on, its last word holds, and health says so without alarm", () =>
    Effect.gen(function* () {
      const { app, users } = yield* withUsers({ PERMISSION_TTL: "1 millis" })
      const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice, bob)
      users.behave((asked) =>
        asked.request.sender_id === bob.user_id ? { permission_granted: false } : generous(asked)
      )
      assert.strictEqual((yield* send(alice, id, 1)).status, 201)
      assert.strictEqual((yield* send(bob, id, 1)).status, 403)

      yield* users.stop
      assert.strictEqual((yield* send(alice, id, 2)).status, 201)
      assert.strictEqual((yield* send(bob, id, 2)).status, 403)
      const carol = yield* Chat.person(app)
      assert.strictEqual((yield* send(carol, yield* Chat.group(carol), 1)).status, 201)
      const health = yield* Poll.until(
        async () => {
          const found = await healthOf(app)
          return found.status === "degraded" ? found : undefined
        },
        { what: "health without the user service" }
      )
      assert.strictEqual(health.http, 200)
      assert.deepInclude(
        health.checks.find(({ name }) => name === "user_service"),
        { status: "degraded" }
      )

      yield* users.start
      users.behave(generous)
      yield* Poll.until(async () => (await Effect.runPromise(send(bob, id, 3))).status === 201, {
        what: "a user service that is asked again"
      })
    })
  )

  it.live("that is away what it was never asked is unavailable, where that is wished", () =>
    Effect.gen(function* () {
      const { app, users } = yield* withUsers({ PERMISSIONS_WHEN_USER_SERVICE_IS_DOWN: "closed" })
      const alice = yield* Chat.person(app)
      const id = yield* Chat.group(alice)
      yield* users.stop
      const answer = yield* send(alice, id, 1)
      assert.strictEqual(answer.status, 503)
      assert.deepInclude(answer.body, { reason: "unavailable" })
    })
  )

  it.live("whose URL is none the start says which variable is wrong, and what it may be", () =>
    Effect.gen(function* () {
      for (const url of ["users:9090", "http://users:9090", "grpc://users", "grpcs://10.0.0.1:9090"]) {
        const app = yield* AppProcess.spawn({ env: { USER_SERVICE_URL: url } })
        assert.strictEqual((yield* app.exited).code, 1)
        assert.match(app.output(), /USER_SERVICE_URL: .*(grpc:\/\/host:port|URL)/)
      }
    })
  )
})

describe("With a media service", () => {
  const attached = { attachments: [{ media_id: randomUUID(), media_type: "image" }] }
  const ready = { access_granted: true, metadata: { upload_status: "ready" } }

  const withMedia = Effect.gen(function* () {
    const media = yield* FakePeer.make("media.MediaService")
    const app = yield* AppProcess.start({ env: { ...PATIENCE, MEDIA_SERVICE_URL: media.url.href } })
    const alice = yield* Chat.person(app)
    return { alice, app, media, id: yield* Chat.group(alice) }
  })

  it.live("what it grants is attached, and it is told", () =>
    Effect.gen(function* () {
      const { alice, id, media } = yield* withMedia
      media.behave(({ method }) => (method === "ValidateMediaAccess" ? ready : { success: true }))
      const sent = yield* alice.rest.ok<{ readonly id: string }>(
        "POST",
        `/api/v1/conversations/${id}/messages`,
        { content: "look", client_random: 1, ...attached }
      )
      yield* Poll.until(async () => media.asked.length === 2, { what: "a link" })
      const [checked, linked] = media.asked
      const { media_id } = attached.attachments[0]!
      assert.deepStrictEqual(checked?.request, {
        media_id,
        user_id: alice.user_id,
        conversation_id: id,
        access_type: "link"
      })
      assert.deepStrictEqual(linked?.request, {
        media_id,
        user_id: alice.user_id,
        conversation_id: id,
        message_id: sent.id
      })
    })
  )

  it.live(
    "what it refuses, does not know or has not ready is not attached; without it only text is sent",
    () =>
      Effect.gen(function* () {
        const { alice, id, media } = yield* withMedia
        for (const [answer, http, more] of [
          [{ access_granted: false }, 403, { rule: "media:access" }],
          [
            { access_granted: true, metadata: { upload_status: "processing" } },
            403,
            { rule: "media:not_ready" }
          ],
          [{ access_granted: true, metadata: { upload_status: "error" } }, 404, {}],
          [{ ...ready, metadata: { upload_status: "ready", expires_at: 1 } }, 404, {}],
          [{ refuse: 5 }, 404, {}],
          [FakePeer.rubbish, 503, { reason: "unavailable" }]
        ] as const) {
          media.behave(() => answer)
          const refused = yield* send(alice, id, 1, attached)
          assert.strictEqual(refused.status, http, JSON.stringify(refused.body))
          assert.deepInclude(refused.body, more)
        }
        yield* media.stop
        assert.strictEqual((yield* send(alice, id, 1, attached)).status, 503)
        assert.strictEqual((yield* send(alice, id, 1)).status, 201)
      })
  )
})
