/**
 * Changes of messages against a running service: what one device asks for, every device is told with the next number,
 * and what one was not told while it was away it learns at its resume.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { Snapshot } from "../../src/actors/conversation/Conversations.ts"
import type { Changed } from "../../src/domain/Changes.ts"
import type { Sent } from "../../src/domain/Commands.ts"
import { UserId } from "../../src/domain/Ids.ts"
import type { Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import type { ClientChannel } from "../support/PhoenixClient.ts"

class App extends Context.Service<App, AppProcess.RunningApp>()("test/integration/MessageChanges") {
  static readonly layer = Layer.effect(App, AppProcess.start({ env: { RATE_LIMITS: "off" } }))
}

const join = (app: AppProcess.RunningApp, person: Chat.Person, id: string, lastSeq?: number) =>
  Effect.flatMap(Chat.connect(app, person), (client) =>
    client.join<Snapshot>(`conversation:${id}`, lastSeq === undefined ? {} : { last_seq: lastSeq })
  )

let randoms = 0

const send = (channel: ClientChannel<Snapshot>, content: string, more: object = {}) =>
  channel.push<Sent>("send_message", { content, client_random: ++randoms, ...more })

const ask = (channel: ClientChannel<Snapshot>, event: string, payload: object) =>
  channel.push<Changed>(event, payload)

/** What a refusal says. */
const refusalOf = <A, E, R>(asked: Effect.Effect<A, E, R>) =>
  Effect.map(
    Effect.flip(asked),
    (refusal) => (refusal as { readonly response?: Record<string, unknown> }).response ?? {}
  )

/** A group of three: its owner on two devices, and two members. */
const group = Effect.gen(function* () {
  const app = yield* App
  const ann = yield* Chat.person(app)
  const phone = yield* Chat.person(app, { user_id: ann.user_id })
  const [bob, cid] = [yield* Chat.person(app), yield* Chat.person(app)]
  const id = yield* Chat.group(ann, bob, cid)
  const [anns, phones, bobs] = [
    yield* join(app, ann, id),
    yield* join(app, phone, id),
    yield* join(app, bob, id)
  ]
  return { app, ann, phone, bob, cid, id, anns, phones, bobs }
})

layer(App.layer, { excludeTestServices: true, timeout: "60 seconds" })("Changes of messages", (it) => {
  it.effect("reach every device in order, each with the next number", () =>
    Effect.gen(function* () {
      const { ann, anns, bob, bobs, id, phones } = yield* group
      const { message_id, seq } = yield* send(bobs, "helo")
      assert.strictEqual(seq, 1)
      const replies = [
        yield* ask(anns, "add_reaction", { message_id, reaction: "👍" }),
        yield* ask(bobs, "edit_message", { message_id, content: "hello" }),
        yield* ask(anns, "pin_message", { message_id }),
        yield* ask(anns, "remove_reaction", { message_id, reaction: "👍" }),
        yield* ask(anns, "unpin_message", { message_id }),
        yield* ask(anns, "delete_message", { message_id, scope: "everyone" })
      ]
      assert.deepStrictEqual(
        replies,
        replies.map((_, i) => ({ message_id, version_seq: i + 2, changed: true }))
      )
      const ids = { conversation_id: id, message_id }
      for (const channel of [anns, phones, bobs]) {
        yield* channel.next("message_deleted")
        const told = channel.events.all.filter(({ event }) => !event.startsWith("presence"))
        assert.deepStrictEqual(
          told.map(({ event }) => event),
          [
            "new_message",
            "reaction_added",
            "message_edited",
            "message_pinned",
            "reaction_removed",
            "message_unpinned",
            "message_deleted"
          ]
        )
        const [sent, added, edited, pinned, removed, unpinned, deleted] = told.map(({ payload }) => payload)
        assert.deepStrictEqual(added, { ...ids, seq: 2, reaction: "👍", user_id: ann.user_id })
        assert.deepStrictEqual(edited, {
          ...(sent as Message),
          version_seq: 3,
          edit_count: 1,
          content: "hello",
          edited_at: (edited as Message).edited_at,
          reactions: [{ reaction: "👍", user_ids: [ann.user_id] }]
        })
        assert.isNotNull((edited as Message).edited_at)
        assert.deepInclude(pinned, { ...ids, seq: 4, pinned_by: ann.user_id })
        assert.deepStrictEqual(removed, { ...ids, seq: 5, reaction: "👍", user_id: ann.user_id })
        assert.deepStrictEqual(unpinned, { ...ids, seq: 6, unpinned_by: ann.user_id })
        assert.deepStrictEqual(deleted, {
          ...(edited as Message),
          version_seq: 7,
          content: null,
          is_deleted: true,
          reactions: []
        })
      }
      const [stored] = yield* Chat.history(bob, id)
      assert.deepStrictEqual(stored, bobs.received<Message>("message_deleted")[0]!)
    })
  )

  it.effect("say nothing and take no number where everything is so already", () =>
    Effect.gen(function* () {
      const { anns, bobs } = yield* group
      const { message_id } = yield* send(anns, "once")
      const unchanged = { message_id, version_seq: 2, changed: false }
      yield* ask(anns, "add_reaction", { message_id, reaction: "+1" })
      assert.deepStrictEqual(yield* ask(anns, "add_reaction", { message_id, reaction: "+1" }), unchanged)
      assert.deepStrictEqual(yield* ask(bobs, "remove_reaction", { message_id, reaction: "+1" }), unchanged)
      assert.deepStrictEqual(yield* ask(anns, "edit_message", { message_id, content: "once" }), unchanged)
      assert.deepStrictEqual(yield* ask(anns, "unpin_message", { message_id }), unchanged)
      assert.strictEqual((yield* send(bobs, "next")).seq, 3)
      yield* bobs.next("new_message", { where: (m: Message) => m.seq === 3 })
      assert.deepStrictEqual(
        bobs.events.all.map(({ event }) => event).filter((event) => !event.startsWith("presence")),
        ["new_message", "reaction_added", "new_message"]
      )
    })
  )

  it.effect("are refused to whom they are not allowed, by the rule", () =>
    Effect.gen(function* () {
      const { anns, app, bobs, id } = yield* group
      const { message_id } = yield* send(anns, "mine")
      const stranger = yield* Chat.person(app)
      const elsewhere = yield* Effect.flatMap(Chat.group(stranger), (other) => join(app, stranger, other))
      const theirs = yield* send(elsewhere, "of elsewhere")
      for (const [event, payload, expected] of [
        ["edit_message", { message_id, content: "yours" }, { reason: "forbidden", rule: "edit:sender_only" }],
        ["delete_message", { message_id, scope: "everyone" }, { rule: "delete:sender_only" }],
        ["pin_message", { message_id }, { rule: "setting:who_may_pin" }],
        ["add_reaction", { message_id: theirs.message_id, reaction: "👍" }, { reason: "not_found" }],
        ["delete_message", { message_id: theirs.message_id, scope: "me" }, { reason: "not_found" }],
        ["add_reaction", { message_id, reaction: "not an emoji" }, { reason: "invalid" }],
        ["delete_message", { message_id }, { reason: "invalid" }],
        ["edit_message", { message_id, content: "x", version_seq: 0 }, { reason: "invalid" }]
      ] as const) {
        assert.deepInclude(yield* refusalOf(ask(bobs, event, payload)), expected)
      }
      const conflict = ask(anns, "edit_message", { message_id, content: "x", version_seq: 9 })
      assert.deepInclude(yield* refusalOf(conflict), { reason: "conflict" })
      const large = ask(anns, "edit_message", { message_id, content: "x".repeat(10 * 1024 * 1024 + 1) })
      assert.deepInclude(yield* refusalOf(large), { reason: "message_too_large" })
      yield* ask(anns, "delete_message", { message_id, scope: "everyone" })
      const late = ask(bobs, "add_reaction", { message_id, reaction: "👍" })
      assert.deepInclude(yield* refusalOf(late), { reason: "conflict" })
      assert.strictEqual((yield* refusalOf(join(app, stranger, id))).reason, "not_member")
    })
  )

  it.effect("of messages take their turn behind the sends of the same socket", () =>
    Effect.gen(function* () {
      const { anns, bobs } = yield* group
      const { message_id } = yield* send(anns, "0")
      const asked = Array.from({ length: 30 }, (_, i) =>
        i % 3 === 2
          ? Effect.map(ask(anns, "edit_message", { message_id, content: String(i) }), (r) => r.version_seq)
          : Effect.map(send(anns, String(i)), (sent) => sent.seq)
      )
      const numbers = yield* Effect.all(asked, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        numbers,
        numbers.map((_, i) => i + 2)
      )
      yield* bobs.next("message_edited", { where: (m: Message) => m.version_seq === 31 })
      assert.deepStrictEqual(
        [...bobs.received<Message>("new_message"), ...bobs.received<Message>("message_edited")]
          .sort((a, b) => a.version_seq - b.version_seq)
          .map((m) => m.content),
        ["0", ...numbers.map((_, i) => String(i))]
      )
    })
  )

  it.effect("that a device missed come with its resume, tombstones included", () =>
    Effect.gen(function* () {
      const { ann, anns, app, bob, bobs, id } = yield* group
      const [first, second, third] = [
        yield* send(anns, "first"),
        yield* send(anns, "second"),
        yield* send(anns, "third")
      ]
      yield* bobs.next("new_message", { where: (m: Message) => m.seq === 3 })
      yield* bobs.leave
      yield* ask(anns, "delete_message", { message_id: second.message_id, scope: "everyone" })
      yield* ask(anns, "add_reaction", { message_id: first.message_id, reaction: "🎉" })
      yield* ask(anns, "pin_message", { message_id: third.message_id })
      yield* send(anns, "fourth")
      const { reply } = yield* join(app, bob, id, 3)
      assert.deepInclude(reply, { current_seq: 7, resumed: true, has_more: false, hidden_ids: [] })
      assert.deepStrictEqual(
        reply.messages.map((m) => [m.seq, m.version_seq, m.content, m.is_pinned, m.reactions]),
        [
          [2, 4, null, false, []],
          [1, 5, "first", false, [{ reaction: "🎉", user_ids: [UserId.make(ann.user_id)] }]],
          [3, 6, "third", true, []],
          [7, 7, "fourth", false, []]
        ]
      )
    })
  )

  it.effect("for oneself hide a message from one's own devices, and from nobody else", () =>
    Effect.gen(function* () {
      const { ann, anns, app, bob, id, phone } = yield* group
      const [first, second] = [yield* send(anns, "first"), yield* send(anns, "second")]
      const own = yield* Effect.flatMap(Chat.connect(app, phone), (client) =>
        client.join(`user:${phone.user_id}`)
      )
      const gone = { message_id: first.message_id, scope: "me" }
      assert.deepInclude(yield* ask(anns, "delete_message", gone), { changed: true, version_seq: 1 })
      assert.deepInclude(yield* ask(anns, "delete_message", gone), { changed: false })
      assert.deepStrictEqual(yield* own.next("message_hidden"), {
        conversation_id: id,
        message_id: first.message_id
      })
      assert.deepStrictEqual(
        anns.events.all.map(({ event }) => event).filter((event) => !event.startsWith("presence")),
        ["new_message", "new_message"]
      )
      const contents = (person: Chat.Person) =>
        Effect.map(Chat.history(person, id), (messages) => messages.map((m) => m.content))
      assert.deepStrictEqual(yield* contents(ann), ["second"])
      assert.deepStrictEqual(yield* contents(bob), ["first", "second"])
      for (const [person, lastSeq, messages, hidden] of [
        [ann, undefined, ["second"], []],
        [phone, 2, [], [first.message_id]],
        [phone, 0, ["second"], [first.message_id]],
        [bob, 0, ["first", "second"], []]
      ] as const) {
        const { reply } = yield* join(app, person, id, lastSeq)
        assert.deepStrictEqual([reply.messages.map((m) => m.content), reply.hidden_ids], [
          messages,
          hidden
        ] as never)
      }
      yield* ask(anns, "add_reaction", { message_id: second.message_id, reaction: "👍" })
      assert.deepStrictEqual((yield* join(app, phone, id, 3)).reply.hidden_ids, [])
      const hidden = ask(anns, "add_reaction", { message_id: first.message_id, reaction: "👍" })
      assert.deepInclude(yield* refusalOf(hidden), { reason: "not_found" })
    })
  )

  it.effect("over REST reach the sockets, and answer what everybody sees then", () =>
    Effect.gen(function* () {
      const { ann, anns, bob, bobs, id } = yield* group
      const { message_id } = yield* send(anns, "hello")
      const messages = `/api/v1/conversations/${id}/messages`
      const one = `${messages}/${message_id}`
      const edited = yield* ann.rest.ok<Message>("PATCH", one, { content: "hello, all" })
      assert.deepStrictEqual(yield* bobs.next<Message>("message_edited"), edited)
      const added = yield* bob.rest.request<Message>("POST", `${one}/reactions`, { reaction: "🎉" })
      assert.deepStrictEqual([added.status, added.headers.get("etag")], [201, '"3"'])
      assert.deepStrictEqual(added.body.reactions, [{ reaction: "🎉", user_ids: [UserId.make(bob.user_id)] }])
      assert.deepInclude(yield* anns.next("reaction_added"), { seq: 3, user_id: bob.user_id })
      assert.strictEqual((yield* bob.rest.request("POST", `${one}/pin`)).status, 403)
      const pinned = yield* ann.rest.ok<Message>("POST", `${one}/pin`)
      const pins = yield* bob.rest.ok<{ readonly items: ReadonlyArray<object> }>(
        "GET",
        `/api/v1/conversations/${id}/pinned-messages`
      )
      assert.deepInclude(pins.items[0], { message: pinned, pinned_by: ann.user_id })
      yield* bob.rest.ok("DELETE", `${one}/reactions/${encodeURIComponent("🎉")}`)
      assert.deepInclude(yield* anns.next("reaction_removed"), { seq: 5, reaction: "🎉" })
      assert.strictEqual((yield* bob.rest.request("DELETE", one)).status, 204)
      assert.strictEqual((yield* bob.rest.request("GET", one)).status, 404)
      const tombstone = yield* ann.rest.ok<Message>("DELETE", `${one}?scope=everyone`)
      assert.deepInclude(tombstone, { content: null, is_deleted: true, is_pinned: false, version_seq: 6 })
      assert.deepStrictEqual(yield* bobs.next<Message>("message_deleted"), tombstone)
    })
  )
})
