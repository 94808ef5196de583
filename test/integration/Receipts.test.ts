/** Read and delivery positions among several people and devices, against the running service. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import type { MessageStatus } from "../../src/domain/Statuses.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Poll from "../support/Poll.ts"

class App extends Context.Service<App, AppProcess.RunningApp>()("test/integration/Receipts") {
  static readonly layer = Layer.effect(App, AppProcess.start({ env: { RATE_LIMITS: "off" } }))
}

interface Positions {
  readonly read_positions: Readonly<Record<string, { readonly last_read_seq: number }>>
}

let randoms = 0
const say = (by: Chat.Person, id: string) =>
  by.rest.ok<Message>("POST", `/api/v1/conversations/${id}/messages`, {
    content: "hello",
    client_random: ++randoms
  })

const positions = (person: Chat.Person, id: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* Chat.connect(yield* App, person)
      return (yield* client.join<Positions>(`conversation:${id}`)).reply.read_positions
    })
  )

const pair = Effect.gen(function* () {
  const app = yield* App
  const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
  const id = yield* Chat.direct(alice, bob)
  const joined = Effect.fnUntraced(function* (person: Chat.Person) {
    return yield* (yield* Chat.connect(app, person)).join(`conversation:${id}`)
  })
  return { app, alice, bob, id, joined }
})

layer(App.layer, { excludeTestServices: true, timeout: "2 minutes" })("Receipts", (it) => {
  it.effect("reach the user's own other devices at once, but not the one that caused them", () =>
    Effect.gen(function* () {
      const { alice, app, bob, id } = yield* pair
      yield* say(alice, id)
      const laptop = yield* Chat.person(app, { user_id: bob.user_id })
      const [here, there] = [yield* Chat.connect(app, bob), yield* Chat.connect(app, laptop)]
      const [own, other] = [yield* here.join(`user:${bob.user_id}`), yield* there.join(`user:${bob.user_id}`)]
      const channel = yield* here.join(`conversation:${id}`)
      yield* channel.push("message_delivered", { seq: 1 })
      assert.deepStrictEqual(yield* other.next("delivery_status"), {
        conversation_id: id,
        last_delivered_seq: 1
      })
      yield* channel.push("mark_as_read", { seq: 1 })
      assert.deepStrictEqual(yield* other.next("read_status"), {
        conversation_id: id,
        last_read_seq: 1,
        last_delivered_seq: 1
      })
      yield* own.push("ping")
      assert.deepStrictEqual([...own.received("read_status"), ...own.received("delivery_status")], [])
    })
  )

  it.effect("of all conversations at once: mark_all_read, over both edges", () =>
    Effect.gen(function* () {
      const { alice, app, bob, id } = yield* pair
      const [group, foreign] = [yield* Chat.group(alice, bob), yield* Chat.group(alice)]
      for (const to of [id, id, group, foreign]) yield* say(alice, to)
      const unread = () => bob.rest.ok<{ readonly total: number }>("GET", "/api/v1/me/unread")
      assert.strictEqual((yield* unread()).total, 3)
      assert.deepInclude(yield* bob.rest.ok<object>("GET", "/api/v1/me/status"), {
        user_id: bob.user_id,
        conversations: 2,
        unread: { total: 3, conversations: 2 }
      })
      const own = yield* (yield* Chat.connect(app, bob)).join(`user:${bob.user_id}`)
      assert.deepStrictEqual(yield* own.push("mark_all_read", { conversation_ids: [id, foreign] }), {
        positions: { [id]: { last_read_seq: 2, last_delivered_seq: 2 } }
      })
      assert.strictEqual((yield* unread()).total, 1)
      yield* bob.rest.ok("POST", "/api/v1/me/mark-as-read", { conversation_ids: [group] })
      assert.strictEqual((yield* unread()).total, 0)
      const refused = yield* Effect.flip(own.push("mark_all_read", { conversation_ids: [] }))
      assert.deepInclude(refused.response, { reason: "invalid" })
    })
  )

  it.effect("name a message or its number, over both edges, and none that one cannot see", () =>
    Effect.gen(function* () {
      const { alice, bob, id, joined } = yield* pair
      const said: Array<string> = []
      for (let i = 0; i < 4; i++) said.push((yield* say(alice, id)).id)
      const b = yield* joined(bob)
      const at = (read: number, delivered: number) => ({
        last_read_seq: read,
        last_delivered_seq: delivered
      })
      assert.deepStrictEqual(yield* b.push("message_delivered", { message_id: said[1] }), at(0, 2))
      assert.deepStrictEqual(yield* b.push("mark_as_read", { message_id: said[0] }), at(1, 2))
      const url = `/api/v1/conversations/${id}/mark-as-read`
      assert.deepStrictEqual(yield* bob.rest.ok("POST", url, { message_id: said[2] }), at(3, 3))
      assert.deepStrictEqual(yield* bob.rest.ok("POST", url), at(4, 4))

      for (const wrong of [{}, { seq: 1, message_id: said[0] }, { message_id: "x" }]) {
        const refused = yield* Effect.flip(b.push("mark_as_read", wrong))
        assert.deepInclude(refused.response, { reason: "invalid" })
      }
      yield* b.push("delete_message", { message_id: said[3], scope: "me" })
      for (const message_id of [said[3], crypto.randomUUID()]) {
        const refused = yield* Effect.flip(b.push("mark_as_read", { message_id }))
        assert.deepInclude(refused.response, { reason: "not_found" })
      }
    })
  )

  it.effect("are given for previews as well, with the cursor that is acknowledged after them", () =>
    Effect.gen(function* () {
      const { alice, app, bob, id, joined } = yield* pair
      const a = yield* joined(alice)
      const own = yield* (yield* Chat.connect(app, bob)).join(`user:${bob.user_id}`)
      yield* own.next("sync_complete")
      const { cursor: earlier } = yield* own.push<{ readonly cursor: string }>("ping")
      yield* say(alice, id)
      yield* own.next("new_message")
      yield* own.push("ack", { cursor: earlier })
      const { cursor } = yield* own.push<{ readonly cursor: string }>("ping")
      yield* say(alice, id)
      yield* own.next("new_message")
      yield* own.push("ack", { cursor })
      const receipt = { user_id: bob.user_id, last_delivered_seq: 1 }
      assert.deepStrictEqual(yield* a.next("delivery_receipt"), receipt)
      const { cursor: last } = yield* own.push<{ readonly cursor: string }>("ping")
      yield* own.push("ack", { cursor: last })
      assert.deepInclude(yield* a.next<object>("delivery_receipt"), { last_delivered_seq: 2 })
      assert.lengthOf(a.received("delivery_receipt"), 2)
    })
  )

  it.effect("are told of a message: to whom it was delivered, who has read it, and when", () =>
    Effect.gen(function* () {
      const { alice, app, bob } = yield* pair
      const [carol, mallory] = [yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice, bob, carol)
      const [first, second] = [yield* say(alice, id), yield* say(alice, id)]
      const path = `/api/v1/conversations/${id}`
      const of = (by: Chat.Person, { id: messageId }: { readonly id: string }) =>
        by.rest.ok<MessageStatus>("GET", `${path}/messages/${messageId}/status`)
      assert.deepStrictEqual(yield* of(alice, first), {
        message_id: first.id as MessageStatus["message_id"],
        conversation_id: id as MessageStatus["conversation_id"],
        seq: 1,
        sent_at: first.sent_at,
        status: "sent",
        recipients: 2,
        delivered_count: 0,
        read_count: 0,
        delivered_to: [],
        read_by: []
      })
      yield* bob.rest.ok("POST", `${path}/mark-as-read`, { seq: 1 })
      yield* carol.rest.ok("POST", `${path}/delivered`)
      const said = yield* of(alice, first)
      assert.deepInclude(said, { status: "delivered", delivered_count: 2, read_count: 1 })
      assert.deepStrictEqual(
        said.read_by?.map(({ user_id }) => user_id),
        [bob.user_id]
      )
      assert.deepInclude(yield* of(alice, second), { status: "sent", delivered_count: 1, read_count: 0 })
      const timed = yield* Poll.until(
        Effect.map(of(alice, first), ({ read_by }) => read_by?.[0]?.read_at),
        { what: "the time of the reading" }
      )
      assert.closeTo(Date.parse(timed), Date.now(), 60_000)

      // Bob keeps his reading to himself from now on, and learns of nobody else's.
      yield* carol.rest.ok("POST", `${path}/mark-as-read`)
      assert.strictEqual((yield* of(alice, first)).status, "read")
      yield* bob.rest.ok("PATCH", "/api/v1/me/preferences", { read_receipts: false })
      assert.deepInclude(yield* of(alice, first), { status: "delivered", delivered_count: 2, read_count: 1 })
      assert.deepStrictEqual(
        (yield* of(bob, first)).read_by?.map(({ user_id }) => user_id),
        [bob.user_id]
      )

      yield* alice.rest.ok("DELETE", `${path}/messages/${second.id}?scope=me`)
      const other = yield* Chat.group(alice, bob)
      for (const [by, where, status] of [
        [mallory, `${path}/messages/${first.id}/status`, 403],
        [mallory, `/api/v1/conversations/${crypto.randomUUID()}/messages/${first.id}/status`, 403],
        [mallory, `${path}/status`, 403],
        [alice, `${path}/messages/${crypto.randomUUID()}/status`, 404],
        [alice, `${path}/messages/${second.id}/status`, 404],
        [alice, `/api/v1/conversations/${other}/messages/${first.id}/status`, 404]
      ] as const) {
        assert.strictEqual((yield* by.rest.request("GET", where)).status, status, where)
      }
    })
  )

  it.effect("are numbers alone where a message has many recipients", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start({ env: { RATE_LIMITS: "off", MAX_READ_POSITIONS: "1" } })
      const [alice, bob, carol] = [yield* Chat.person(app), yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice, bob, carol)
      const path = `/api/v1/conversations/${id}`
      const { id: messageId } = yield* say(alice, id)
      yield* bob.rest.ok("POST", `${path}/mark-as-read`)
      assert.deepInclude(yield* alice.rest.ok<object>("GET", `${path}/messages/${messageId}/status`), {
        recipients: 2,
        delivered_count: 1,
        read_count: 1,
        delivered_to: null,
        read_by: null
      })
    })
  )

  it.effect(
    "and unread messages stand in the status of a conversation, which may be asked for in parts",
    () =>
      Effect.gen(function* () {
        const { alice, bob, id } = yield* pair
        const path = `/api/v1/conversations/${id}/status`
        for (let i = 0; i < 3; i++) yield* say(alice, id)
        yield* bob.rest.ok("POST", `/api/v1/conversations/${id}/mark-as-read`, { seq: 1 })
        const { last_activity, ...rest } = yield* bob.rest.ok<{ readonly last_activity: string }>("GET", path)
        assert.deepStrictEqual(rest, {
          conversation_id: id,
          last_seq: 3,
          member_count: 2,
          message_count: 3,
          unread_count: 2
        } as never)
        assert.closeTo(Date.parse(last_activity), Date.now(), 60_000)
        assert.hasAllKeys(yield* bob.rest.ok("GET", `${path}?metrics=unread_count`), [
          "conversation_id",
          "last_seq",
          "member_count",
          "unread_count"
        ])
        assert.strictEqual(
          (yield* bob.rest.request("GET", `${path}?metrics=unread_count,secrets`)).status,
          400
        )

        // Deleted for oneself, it is not unread any more, in the list and here.
        yield* bob.rest.ok("DELETE", `/api/v1/conversations/${id}?scope=me`)
        assert.deepInclude(yield* bob.rest.ok<object>("GET", path), { unread_count: 0 })
      })
  )

  it.effect("are given and got by those only who want it both ways, from the moment they say so", () =>
    Effect.gen(function* () {
      const { alice, bob, id, joined } = yield* pair
      const [a, b] = [yield* joined(alice), yield* joined(bob)]
      for (let i = 0; i < 3; i++) yield* say(alice, id)
      yield* say(bob, id)
      yield* b.push("mark_as_read", { seq: 1 })
      assert.deepInclude(yield* a.next<object>("read_receipt"), { user_id: bob.user_id, last_read_seq: 1 })

      const url = "/api/v1/me/preferences"
      assert.deepStrictEqual(yield* bob.rest.ok("GET", url), {
        read_receipts: true,
        notifications: true,
        last_seen: true
      })
      const off = yield* bob.rest.ok("PATCH", url, { read_receipts: false })
      assert.deepStrictEqual(off, { read_receipts: false, notifications: true, last_seen: true })

      // Bob's reading is a delivery to Alice, and hers is nothing to Bob.
      yield* b.push("mark_as_read", { seq: 3 })
      assert.deepStrictEqual(yield* a.next("delivery_receipt"), {
        user_id: bob.user_id,
        last_delivered_seq: 3
      })
      yield* a.push("mark_as_read", { seq: 4 })
      yield* b.push("typing_start")
      yield* a.next("typing_indicator")
      assert.strictEqual(a.received("read_receipt").length, 1)
      assert.strictEqual(b.received("read_receipt").length, 0)
      assert.strictEqual((yield* positions(alice, id))[bob.user_id]?.last_read_seq, 0)
      const seen = yield* positions(bob, id)
      assert.strictEqual(seen[alice.user_id]?.last_read_seq, 0)
      assert.strictEqual(seen[bob.user_id]?.last_read_seq, 3)

      yield* bob.rest.ok("PATCH", url, { read_receipts: true })
      assert.strictEqual((yield* positions(alice, id))[bob.user_id]?.last_read_seq, 3)
      yield* b.push("mark_as_read", { seq: 4 })
      assert.deepInclude(yield* a.next<object>("read_receipt"), { user_id: bob.user_id, last_read_seq: 4 })
    })
  )

  it.effect("stop with typing when a device is lost in the middle of it", () =>
    Effect.gen(function* () {
      const { alice, app, bob, id, joined } = yield* pair
      const a = yield* joined(alice)
      const phone = yield* Chat.connect(app, bob)
      const b = yield* phone.join(`conversation:${id}`)
      yield* b.push("typing_start")
      assert.deepInclude(yield* a.next<object>("typing_indicator"), { action: "start" })
      phone.destroy()
      const stopped = yield* a.next<object>("typing_indicator", { deadline: 15_000 })
      assert.deepStrictEqual(stopped, { user_id: bob.user_id, action: "stop" })
    })
  )
})
