/** Peer services against the server as its users run it: what they tell is seen at once by those it concerns. */
import { execFileSync, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { assert, describe, it } from "@effect/vitest"
import { status } from "@grpc/grpc-js"
import { Effect } from "effect"
import { type ConversationView, MAX_MEMBERS } from "../../src/domain/Conversation.ts"
import type { Message } from "../../src/domain/Message.ts"
import type { AuditEntry } from "../../src/domain/ports/AuditLog.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as GrpcClient from "../support/GrpcClient.ts"
import { Inbox } from "../support/Inbox.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"
import * as Ports from "../support/Ports.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as TempDir from "../support/TempDir.ts"
import { requireTool, tools } from "../support/Tools.ts"

const root = join(import.meta.dirname, "../..")
const SERVICE = "messaging.MessagingService"

const peerOf = Effect.fnUntraced(function* (app: AppProcess.RunningApp) {
  const { token, user_id } = yield* app.token({ scope: "service" })
  const client = yield* GrpcClient.connect({ port: app.grpcPort! })
  return { ...client, token, user_id }
})

interface PythonAnswer {
  readonly response?: Readonly<Record<string, unknown>>
  readonly status?: string
  readonly details?: string
  readonly trailers?: Readonly<Record<string, string>>
}

/** A peer in another language, which has nothing of ours but the contract. */
const python = Effect.fnUntraced(function* (app: AppProcess.RunningApp) {
  const compiled = yield* TempDir.make("protoc")
  const files = ["messaging", "user", "media", "notification"].map((name) => `${name}.proto`)
  execFileSync(requireTool("protoc"), [`--python_out=${compiled}`, `-I${join(root, "proto")}`, ...files])
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        requireTool("grpcPython"),
        [join(import.meta.dirname, "peer.py"), `127.0.0.1:${app.grpcPort}`, compiled],
        { stdio: ["pipe", "pipe", "inherit"] }
      )
    ),
    (child) => Effect.sync(() => child.kill())
  )
  const answers = new Inbox<PythonAnswer>("answers of the Python peer")
  createInterface({ input: child.stdout }).on("line", (line) => answers.put(JSON.parse(line)))
  return (method: string, request: object, metadata: Readonly<Record<string, string>> = {}) => {
    child.stdin.write(`${JSON.stringify({ service: SERVICE, method, request, metadata })}\n`)
    return answers.next({ deadline: 20_000 })
  }
})

describe("A gRPC peer", () => {
  it.live("adds and removes members, and sockets see it at once", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const peer = yield* peerOf(app)
      const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice)
      const socket = yield* Chat.connect(app, alice)
      const channel = yield* socket.join(`conversation:${id}`)
      const bobs = yield* (yield* Chat.connect(app, bob)).join(`user:${bob.user_id}`)

      const tell = (event_type: string, metadata: Readonly<Record<string, string>> = {}) =>
        Effect.map(
          peer.call(
            SERVICE,
            "NotifyConversationEvent",
            { conversation_id: id, event_type, user_id: bob.user_id, metadata, timestamp: Date.now() },
            { token: peer.token }
          ),
          ({ response }) => response
        )

      const added = yield* tell("member_added", { role: "admin", added_by: alice.user_id })
      assert.deepInclude(added, { success: true, message: "applied" })
      const seen = yield* channel.next("member_added")
      assert.deepInclude(seen, { user_id: bob.user_id, role: "admin", added_by: alice.user_id })
      assert.deepInclude(yield* bobs.next("member_added"), { conversation_id: id })
      assert.deepInclude(yield* tell("member_added"), { message: "already so" })

      const sent = yield* bob.rest.ok<{ readonly seq: number }>(
        "POST",
        `/api/v1/conversations/${id}/messages`,
        { content: "hello", client_random: 1 }
      )
      assert.strictEqual(sent.seq, 1)

      assert.deepInclude(yield* tell("member_removed"), { message: "applied" })
      assert.deepInclude(yield* channel.next("member_removed"), { user_id: bob.user_id })
      assert.deepInclude(yield* tell("member_removed"), { message: "already so" })
      assert.strictEqual((yield* bob.rest.request("GET", `/api/v1/conversations/${id}`)).status, 403)
      assert.lengthOf(channel.received("member_added"), 1)
    })
  )

  it.live("is on record with whom it adds and removes", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const peer = yield* peerOf(app)
      const [alice, admin] = [yield* Chat.person(app), yield* Chat.person(app, { scope: "admin" })]
      const id = yield* Chat.group(alice)
      const user_id = randomUUID()
      for (const event_type of ["member_added", "member_added", "member_removed", "member_removed"]) {
        const event = { conversation_id: id, event_type, user_id }
        yield* peer.call(SERVICE, "NotifyConversationEvent", event, { token: peer.token })
      }
      const recorded = (action: string) =>
        Poll.until(
          async () => {
            const { body } = await Effect.runPromise(
              admin.rest.request<{ readonly items: ReadonlyArray<AuditEntry> }>(
                "GET",
                `/api/v1/admin/audit?action=${action}`
              )
            )
            return body.items.length === 0 ? undefined : body.items
          },
          { what: action }
        )
      for (const action of ["member.added", "member.removed"]) {
        const [entry, ...more] = yield* recorded(action)
        assert.lengthOf(more, 0)
        assert.deepStrictEqual(entry?.targets, [
          { type: "conversation", id },
          { type: "user", id: user_id }
        ])
        assert.strictEqual(entry?.details?.peer, peer.user_id)
      }
    })
  )

  it.live("talks to any node: members on the others see it", () =>
    Effect.gen(function* () {
      const postgres = yield* PostgresServer.make()
      const redis = yield* RedisServer.make()
      const env = { DATABASE_URL: yield* postgres.createDatabase(), REDIS_URL: redis.url }
      const here = yield* AppProcess.start({ env })
      const jwks = { JWT_JWKS_URL: `${here.url}/.well-known/jwks.json` }
      const there = yield* AppProcess.start({ env: { ...env, ...jwks } })
      yield* Effect.all([Nodes.hasRedis(here), Nodes.hasRedis(there)])
      const peer = yield* peerOf(here)
      const [alice, bob] = [yield* Chat.person(here), yield* Chat.person(here)]
      const id = yield* Chat.group(alice)
      const channel = yield* (yield* Chat.connect(there, alice)).join(`conversation:${id}`)
      const far = yield* GrpcClient.connect({ port: there.grpcPort! })
      for (const [client, event_type] of [
        [peer, "member_added"],
        [far, "member_removed"]
      ] as const) {
        const event = { conversation_id: id, event_type, user_id: bob.user_id }
        const { response } = yield* client.call(SERVICE, "NotifyConversationEvent", event, {
          token: peer.token
        })
        assert.strictEqual(response.message, "applied")
        assert.deepInclude(yield* channel.next(event_type), { user_id: bob.user_id })
      }
    })
  )

  it.live("changes settings one by one, and members are told", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const peer = yield* peerOf(app)
      const alice = yield* Chat.person(app)
      const id = yield* Chat.group(alice)
      yield* alice.rest.ok("PATCH", `/api/v1/conversations/${id}`, { metadata: { topic: "tea", n: 1 } })
      const channel = yield* (yield* Chat.connect(app, alice)).join(`conversation:${id}`)
      const tell = (metadata: Readonly<Record<string, string>>) =>
        Effect.map(
          peer.call(
            SERVICE,
            "NotifyConversationEvent",
            { conversation_id: id, event_type: "settings_changed", metadata },
            { token: peer.token }
          ),
          ({ response }) => response.message
        )
      assert.strictEqual(yield* tell({ topic: "coffee" }), "applied")
      const updated = yield* channel.next<ConversationView>("conversation_updated")
      assert.deepStrictEqual(updated.metadata, { topic: "coffee", n: 1 })

      // Told once more it changes nothing: nobody hears of it, and the conversation stays where it is in their lists.
      assert.strictEqual(yield* tell({ topic: "coffee" }), "already so")
      const shown = yield* alice.rest.ok<ConversationView>("GET", `/api/v1/conversations/${id}`)
      assert.strictEqual(shown.updated_at, updated.updated_at)
      // What a user set as a number is another value than a peer's text.
      assert.strictEqual(yield* tell({ topic: "coffee", n: "1" }), "applied")
      assert.deepInclude(yield* channel.next("conversation_updated"), {
        metadata: { topic: "coffee", n: "1" }
      })
      assert.lengthOf(channel.received("conversation_updated"), 2)

      yield* alice.rest.ok("DELETE", `/api/v1/conversations/${id}?scope=everyone`)
      assert.strictEqual((yield* Effect.flip(tell({ topic: "coffee" }))).code, status.NOT_FOUND)
    })
  )

  it.live("creates a group once, however often it is told of it, and its members learn of it", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const peer = yield* peerOf(app)
      const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
      const bobs = yield* (yield* Chat.connect(app, bob)).join(`user:${bob.user_id}`)
      const group = {
        group_id: "team-1",
        creator_id: alice.user_id,
        member_ids: [bob.user_id, alice.user_id],
        group_name: "Team",
        settings: { colour: "green" }
      }
      const tell = Effect.map(
        peer.call(SERVICE, "NotifyGroupCreation", group, { token: peer.token }),
        ({ response }) => response
      )
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () => tell),
        { concurrency: 8 }
      )
      assert.lengthOf(new Set(answers.map(({ conversation_id }) => conversation_id)), 1)
      assert.lengthOf(
        answers.filter(({ message }) => message === "created"),
        1
      )
      const [{ conversation_id: id }] = answers as [(typeof answers)[0]]
      const created = yield* bobs.next<ConversationView>("conversation_created")
      assert.strictEqual(created.id, id)
      assert.deepInclude(created, { external_group_id: "team-1", member_count: 2 })
      assert.deepStrictEqual(created.metadata, { name: "Team", colour: "green" })
      assert.deepInclude(yield* alice.rest.ok("GET", `/api/v1/conversations/${id}`), { id })
    })
  )

  it.live("is told that a group is full, and of who is in it that it is so already", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const peer = yield* peerOf(app)
      const owner = yield* Chat.person(app)
      const [member, other] = [randomUUID(), randomUUID()]
      const group = {
        group_id: "everybody",
        creator_id: owner.user_id,
        member_ids: [member, ...Array.from({ length: MAX_MEMBERS - 2 }, () => randomUUID())]
      }
      const made = yield* peer.call(SERVICE, "NotifyGroupCreation", group, { token: peer.token })
      const id = made.response?.conversation_id as string
      const tell = (event_type: string, user_id: string) =>
        peer.call(
          SERVICE,
          "NotifyConversationEvent",
          { conversation_id: id, event_type, user_id, timestamp: Date.now() },
          { token: peer.token }
        )
      assert.deepInclude((yield* tell("member_added", member)).response, { message: "already so" })
      const refused = yield* Effect.flip(tell("member_added", other))
      assert.strictEqual(refused.code, status.PERMISSION_DENIED)
      assert.deepStrictEqual(refused.metadata.get("reason"), ["forbidden"])
      const one = { user_ids: [other] }
      const { body } = yield* owner.rest.request("POST", `/api/v1/conversations/${id}/members`, one)
      assert.match(JSON.stringify(body), /at most 10000 members/)
      assert.deepInclude((yield* tell("member_removed", member)).response, { message: "applied" })
      assert.deepInclude((yield* tell("member_added", other)).response, { message: "applied" })
    })
  )

  it.live("attaches media to a message, once, and members see it", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const peer = yield* peerOf(app)
      const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice, bob)
      const sent = yield* alice.rest.ok<Message>("POST", `/api/v1/conversations/${id}/messages`, {
        content: "look",
        client_random: 1
      })
      const channel = yield* (yield* Chat.connect(app, bob)).join(`conversation:${id}`)
      const media_id = randomUUID()
      const link = (message_id: string, alt = "a cat") =>
        peer.call(
          SERVICE,
          "LinkMediaToMessage",
          { message_id, media_id, media_type: "image", metadata: { alt } },
          { token: peer.token }
        )
      const { response } = yield* link(sent.id)
      const added = yield* channel.next<{ readonly attachment: object }>("attachment_added")
      assert.deepStrictEqual(added.attachment, {
        id: response.link_id,
        media_id,
        media_type: "image",
        metadata: { alt: "a cat" }
      })
      assert.strictEqual((yield* link(sent.id)).response.link_id, response.link_id)
      assert.strictEqual((yield* Effect.flip(link(randomUUID()))).code, status.NOT_FOUND)
      // It may be as large as what a user attaches, and no larger.
      const large = yield* Effect.flip(link(sent.id, "x".repeat(5_000)))
      assert.strictEqual(large.code, status.INVALID_ARGUMENT)
      assert.match(large.details, /^metadata: .*4096 characters/)
    })
  )

  it.live("gets the numbers that it asks for", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const peer = yield* peerOf(app)
      const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice, bob)
      for (const client_random of [1, 2, 3]) {
        const message = { content: "hello", client_random }
        yield* alice.rest.ok("POST", `/api/v1/conversations/${id}/messages`, message)
      }
      yield* bob.rest.ok("POST", `/api/v1/conversations/${id}/mark-as-read`, { seq: 1 })
      const ask = (user_id: string, ...metrics: ReadonlyArray<string>) =>
        Effect.map(
          peer.call(
            SERVICE,
            "GetConversationStats",
            { conversation_id: id, user_id, metrics },
            { token: peer.token }
          ),
          ({ response }) => response.stats
        )
      const all = yield* ask(bob.user_id)
      assert.deepInclude(all, { message_count: 3, unread_count: 2 })
      assert.closeTo(all.last_activity!, Date.now(), 60_000)
      assert.hasAllKeys(yield* ask(""), ["message_count", "last_activity"])
      assert.deepStrictEqual(yield* ask(bob.user_id, "unread_count"), { unread_count: 2 })
      assert.strictEqual((yield* Effect.flip(ask("", "unread_count"))).code, status.INVALID_ARGUMENT)
      assert.strictEqual((yield* Effect.flip(ask(randomUUID()))).code, status.PERMISSION_DENIED)
    })
  )

  it.live("is told by a status what cannot be done", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const peer = yield* peerOf(app)
      const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
      const direct = yield* Chat.direct(alice, bob)
      const tell = (request: object, token: string | undefined = peer.token) =>
        Effect.flip(peer.call(SERVICE, "NotifyConversationEvent", request, token === "" ? {} : { token }))
      const event = { conversation_id: direct, event_type: "member_added", user_id: randomUUID() }
      const cases = [
        [yield* tell(event), status.PERMISSION_DENIED, "forbidden"],
        [yield* tell({ ...event, conversation_id: randomUUID() }), status.NOT_FOUND, "not_found"],
        [yield* tell({ ...event, user_id: "bob" }), status.INVALID_ARGUMENT, "invalid"],
        [yield* tell({ ...event, event_type: "exploded" }), status.INVALID_ARGUMENT, "invalid"],
        [yield* tell(event, alice.token), status.PERMISSION_DENIED, "forbidden"],
        [yield* tell(event, ""), status.UNAUTHENTICATED, "token_missing"]
      ] as const
      for (const [error, code, reason] of cases) {
        assert.strictEqual(error.code, code, error.details)
        assert.deepStrictEqual(error.metadata.get("reason"), [reason])
      }
      assert.match(cases[2][0].details, /^user_id: /)
      assert.match(cases[3][0].details, /event_type/)
    })
  )

  it.live("finds one clear line when the port is taken", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const second = yield* AppProcess.spawn({ env: { GRPC_PORT: String(app.grpcPort) } })
      const { code } = yield* second.exited
      assert.strictEqual(code, 1)
      assert.match(
        second.output(),
        new RegExp(`^messaging-service: GRPC_PORT ${app.grpcPort} on 127.0.0.1 is taken`, "m")
      )
    })
  )

  it.live(
    "that is to be shown a certificate which is not there is not served: the start says what is missing",
    () =>
      Effect.gen(function* () {
        const port = String(yield* Ports.free())
        const app = yield* AppProcess.spawn({ env: { GRPC_PORT: port, GRPC_TLS_CERT: "/nowhere.pem" } })
        assert.strictEqual((yield* app.exited).code, 1)
        assert.include(app.output(), "messaging-service: GRPC_TLS_KEY must be set when GRPC_TLS_CERT is")
      })
  )

  it.live.skipIf(tools.grpcPython === undefined || tools.protoc === undefined)(
    "may be written in Python, from the .proto files alone",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start()
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const { token } = yield* app.token({ scope: "service" })
        const call = yield* python(app)
        const authorization = { authorization: `Bearer ${token}` }

        const group = {
          group_id: "from-python",
          creator_id: alice.user_id,
          member_ids: [],
          group_name: "Pythons",
          settings: {}
        }
        const { response: created } = yield* call("NotifyGroupCreation", group, authorization)
        assert.deepInclude(created, { success: true, message: "created" })
        const id = created?.conversation_id

        const channel = yield* (yield* Chat.connect(app, alice)).join(`conversation:${id}`)
        const event = {
          conversation_id: id,
          event_type: "member_added",
          user_id: bob.user_id,
          timestamp: Date.now()
        }
        const { response: added } = yield* call("NotifyConversationEvent", event, authorization)
        assert.deepInclude(added, { success: true })
        assert.deepInclude(yield* channel.next("member_added"), { user_id: bob.user_id })

        const { response: numbers } = yield* call(
          "GetConversationStats",
          { conversation_id: id, user_id: bob.user_id, metrics: ["unread_count", "message_count"] },
          authorization
        )
        // Protobuf's JSON has 64-bit numbers as text.
        assert.deepInclude(numbers, { success: true, stats: { unread_count: "0", message_count: "0" } })

        const refused = yield* call("GetConversationStats", { conversation_id: id })
        assert.deepInclude(refused, { status: "UNAUTHENTICATED" })
        assert.deepInclude(refused.trailers, { reason: "token_missing" })
      })
  )
})
