/** What typed RPC answers: what REST does, operation by operation, and none is left out. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { MessagingClient } from "../../../src/client/MessagingClient.ts"
import { DeviceId } from "../../../src/domain/Ids.ts"
import { MessagingRpcs } from "../../../src/rpc/MessagingRpcs.ts"
import * as TestApp from "../../../src/testing/TestApp.ts"
import * as PhoenixClient from "../../support/PhoenixClient.ts"
import { RestClient } from "../../support/RestClient.ts"
import * as RpcPeople from "../../support/RpcPeople.ts"

type Client = MessagingClient["Service"]

/** The operations that were called so far, by anybody. */
const called = new Set<string>()

const person = Effect.gen(function* () {
  const here = yield* TestApp.TestApp
  const { device_id, token, user_id } = yield* here.token()
  const client = yield* RpcPeople.client(here, { token }, "http")
  const rpc = new Proxy(client, {
    get: (target, operation: keyof Client & string) => {
      called.add(operation)
      return target[operation]
    }
  })
  const rest = new RestClient(here.url, token)
  /** What was answered by RPC is what REST has of it. */
  const same = Effect.fnUntraced(function* <A, E>(
    answered: Effect.Effect<A, E>,
    path: string,
    partOf: (answer: A) => unknown = (answer) => answer
  ) {
    const answer = yield* answered
    assert.deepStrictEqual<unknown>(partOf(answer), yield* rest.ok("GET", `/api/v1${path}`), path)
    return answer
  })
  return { device_id, user_id, rpc, rest, same }
})

/** A group of Alice's in which Bob has said something. */
const setting = Effect.gen(function* () {
  const [alice, bob] = [yield* person, yield* person]
  const { conversation } = yield* alice.rpc.createConversation({
    type: "group",
    member_ids: [bob.user_id],
    metadata: { name: "Tea" }
  })
  const one = { conversation_id: conversation.id }
  const said = yield* bob.rpc.sendMessage({ ...one, content: "hello there", client_random: 1 })
  return { alice, bob, one, path: `/conversations/${conversation.id}`, said }
})

layer(TestApp.layer(), { excludeTestServices: true, timeout: "2 minutes" })("Typed RPC", (it) => {
  it.effect("answers of conversations what REST does", () =>
    Effect.gen(function* () {
      const { alice, bob, one, path } = yield* setting
      const { rpc, same } = alice
      yield* same(rpc.showConversation(one), path)
      yield* same(rpc.listConversations({ archived: false }), "/conversations?archived=false")
      yield* same(rpc.searchConversations({ q: "te" }), "/conversations/search?q=te")
      yield* same(rpc.updateConversation({ ...one, metadata: { name: "Coffee" } }), path)
      const settings = { who_may_pin: "everyone" } as const
      yield* same(rpc.configureConversation({ ...one, settings }), path)
      const mine = yield* same(
        rpc.updateMySettings({ ...one, settings: { pinned: true } }),
        `${path}/settings/me`
      )
      assert.deepStrictEqual(yield* rpc.mySettings(one), mine)
      yield* same(rpc.conversationStatus(one), `${path}/status`)
      yield* same(
        rpc.conversationStatus({ ...one, metrics: ["unread_count"] }),
        `${path}/status?metrics=unread_count`
      )

      const added = yield* rpc.addMembers({ ...one, user_ids: [crypto.randomUUID()] })
      const first = yield* same(rpc.listMembers({ ...one, limit: 2 }), `${path}/members?limit=2`)
      const cursor = first.next_cursor ?? ""
      yield* same(rpc.listMembers({ ...one, cursor }), `${path}/members?cursor=${cursor}`)
      const other = { ...one, user_id: added[0]!.user_id }
      assert.strictEqual((yield* rpc.changeRole({ ...other, role: "admin" })).role, "admin")
      yield* rpc.removeMember(other)
      yield* bob.rpc.leaveConversation(one)
      assert.strictEqual((yield* rpc.showConversation(one)).member_count, 1)
      yield* rpc.deleteConversation(one)
      assert.strictEqual((yield* Effect.flip(rpc.showConversation(one)))._tag, "NotMember")
    }).pipe(Effect.scoped)
  )

  it.effect("answers of messages what REST does", () =>
    Effect.gen(function* () {
      const { alice, bob, one, path, said } = yield* setting
      const { rpc, same } = alice
      const sent = yield* rpc.sendMessage({ ...one, content: "hello", client_random: 1 })
      const mine = { ...one, message_id: sent.message_id }
      const at = `${path}/messages/${sent.message_id}`
      const newest = yield* same(rpc.listMessages({ ...one, limit: 1 }), `${path}/messages?limit=1`)
      const cursor = newest.next_cursor ?? ""
      yield* same(rpc.listMessages({ ...one, cursor }), `${path}/messages?cursor=${cursor}`)
      yield* same(rpc.searchMessages({ ...one, q: "there" }), `${path}/messages/search?q=there`)
      yield* same(rpc.searchMessages({ q: "there" }), "/messages/search?q=there")

      const media = { media_id: crypto.randomUUID(), media_type: "image" } as const
      for (const [change, version_seq] of [
        [rpc.editMessage({ ...mine, content: "Hello" }), 3],
        [rpc.addReaction({ ...mine, reaction: "👍" }), 4],
        [rpc.addAttachment({ ...mine, ...media }), 5],
        [rpc.pinMessage(mine), 6]
      ] as const) {
        assert.deepStrictEqual<unknown>(yield* change, {
          message_id: sent.message_id,
          version_seq,
          changed: true
        })
      }
      yield* same(rpc.showMessage(mine), at)
      yield* same(rpc.listPins(one), `${path}/pinned-messages`)
      yield* same(rpc.listAttachments(one), `${path}/attachments`)
      yield* rpc.removeReaction({ ...mine, reaction: "👍" })
      yield* rpc.unpinMessage(mine)
      assert.isFalse((yield* rpc.unpinMessage(mine)).changed)

      const position = { last_read_seq: 1, last_delivered_seq: 1 }
      assert.deepStrictEqual(yield* rpc.markAsRead({ ...one, message_id: said.message_id }), position)
      assert.deepStrictEqual(yield* bob.rpc.markAsDelivered({ ...one, seq: 2 }), {
        last_read_seq: 0,
        last_delivered_seq: 2
      })
      yield* same(rpc.messageStatus(mine), `${at}/status`)
      yield* rpc.typing({ ...one, action: "start" })
      yield* rpc.deleteMessage({ ...mine, scope: "everyone" })
      assert.isTrue((yield* same(rpc.showMessage(mine), at)).is_deleted)

      const scheduled_for = new Date(Date.now() + 3_600_000).toISOString()
      const { created, scheduled } = yield* rpc.scheduleMessage({
        ...one,
        content: "later",
        client_random: 2,
        scheduled_for
      })
      assert.isTrue(created)
      const { id } = scheduled
      yield* same(rpc.updateScheduledMessage({ id, content: "much later" }), `/scheduled-messages/${id}`)
      yield* same(rpc.listScheduledMessages({}), "/scheduled-messages")
      const pending = { status: "pending" } as const
      yield* same(rpc.listScheduledMessages(pending), "/scheduled-messages?status=pending")
      assert.strictEqual((yield* rpc.cancelScheduledMessage({ id })).status, "cancelled")
      assert.isEmpty(
        (yield* same(rpc.listScheduledMessages(pending), "/scheduled-messages?status=pending")).items
      )
      yield* same(rpc.showScheduledMessage({ id }), `/scheduled-messages/${id}`)
    }).pipe(Effect.scoped)
  )

  it.effect("answers of oneself what REST does, and reports to those who run the service", () =>
    Effect.gen(function* () {
      const { alice, bob, one, path, said } = yield* setting
      const { rpc, same } = alice
      yield* same(rpc.myStatus({}), "/me/status")
      assert.strictEqual((yield* same(rpc.unread({}), "/me/unread")).total, 1)
      const { positions } = yield* rpc.markAllRead({ conversation_ids: [one.conversation_id] })
      assert.deepStrictEqual(positions, {
        [one.conversation_id]: { last_read_seq: 1, last_delivered_seq: 1 }
      })
      yield* same(rpc.updatePreferences({ notifications: false }), "/me/preferences")
      yield* same(rpc.preferences({}), "/me/preferences")
      const user_ids = [bob.user_id]
      yield* same(rpc.presence({ user_ids }), `/presence?user_ids=${bob.user_id}`, (items) => ({
        items,
        next_cursor: null
      }))

      yield* same(rpc.saveDraft({ ...one, content: "I was" }), `${path}/draft`)
      yield* same(rpc.showDraft(one), `${path}/draft`)
      assert.lengthOf((yield* same(rpc.listDrafts({}), "/drafts")).items, 1)
      yield* rpc.removeDraft(one)
      assert.strictEqual((yield* Effect.flip(rpc.showDraft(one)))._tag, "NotFound")

      const target = { type: "message", id: said.message_id } as const
      const { created_at, id, ...filed } = yield* rpc.report({ target, reason: "spam" })
      assert.deepStrictEqual<unknown>(filed, { target, reason: "spam", comment: null })
      const stranger = yield* person
      const unseen = yield* Effect.flip(stranger.rpc.report({ target, reason: "spam" }))
      assert.deepInclude(unseen, { _tag: "NotFound", what: "message" })
    }).pipe(Effect.scoped)
  )

  it.effect("shows where one is connected, and ends it", () =>
    Effect.gen(function* () {
      const here = yield* TestApp.TestApp
      const { device_id, rpc, same, user_id } = yield* person
      const on = Effect.fnUntraced(function* (device: string) {
        const { token } = yield* here.token({ user_id, device_id: DeviceId.make(device) })
        return yield* PhoenixClient.connect({ url: here.wsUrl, params: { token } })
      })
      const [tablet, laptop] = [yield* on("tablet"), yield* on("laptop")]
      const { ticket } = yield* rpc.createSocketTicket({})
      const phone = yield* PhoenixClient.connect({ url: here.wsUrl, params: { ticket } })
      const { items } = yield* same(rpc.listSessions({}), "/me/sessions")
      const devices = yield* same(rpc.listDevices({}), "/me/devices")
      assert.sameMembers(
        devices.items.map((device) => `${device.device_id}`),
        ["tablet", "laptop", device_id]
      )
      const ofTablet = items.find((session) => session.device_id === "tablet")!
      yield* rpc.endSession({ session_id: ofTablet.session_id })
      assert.strictEqual((yield* tablet.closes.next()).code, 1008)
      yield* rpc.endDevice({ device_id: "laptop" })
      assert.strictEqual((yield* laptop.closes.next()).code, 1008)
      yield* rpc.endAllSessions({})
      assert.strictEqual((yield* phone.closes.next()).code, 1008)
      assert.deepInclude(yield* Effect.flip(rpc.myStatus({})), { _tag: "TokenRejected", reason: "revoked" })
    }).pipe(Effect.scoped)
  )

  it.effect("has no operation that is not called here", () =>
    Effect.sync(() => {
      const operations = Array.from(MessagingRpcs.requests.keys()).filter(
        (tag) => tag !== "conversationEvents"
      )
      assert.deepStrictEqual(
        operations.filter((tag) => !called.has(tag)),
        []
      )
    })
  )
})
