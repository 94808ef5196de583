/** Read and delivery positions among several people and devices, against the running service. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"

class App extends Context.Service<App, AppProcess.RunningApp>()("test/integration/Receipts") {
  static readonly layer = Layer.effect(App, AppProcess.start({ env: { RATE_LIMITS: "off" } }))
}

interface Positions {
  readonly read_positions: Readonly<Record<string, { readonly last_read_seq: number }>>
}

let randoms = 0
const say = (by: Chat.Person, id: string) =>
  by.rest.ok("POST", `/api/v1/conversations/${id}/messages`, { content: "hello", client_random: ++randoms })

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

layer(App.layer, { excludeTestServices: true, timeout: "60 seconds" })("Receipts", (it) => {
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

  it.effect("are given and got by those only who want it both ways, from the moment they say so", () =>
    Effect.gen(function* () {
      const { alice, bob, id, joined } = yield* pair
      const [a, b] = [yield* joined(alice), yield* joined(bob)]
      for (let i = 0; i < 3; i++) yield* say(alice, id)
      yield* say(bob, id)
      yield* b.push("mark_as_read", { seq: 1 })
      assert.deepInclude(yield* a.next<object>("read_receipt"), { user_id: bob.user_id, last_read_seq: 1 })

      const url = "/api/v1/me/preferences"
      assert.deepStrictEqual(yield* bob.rest.ok("GET", url), { read_receipts: true, notifications: true })
      const off = yield* bob.rest.ok("PATCH", url, { read_receipts: false })
      assert.deepStrictEqual(off, { read_receipts: false, notifications: true })

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
