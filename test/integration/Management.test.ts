/** Members, roles and settings in the whole service: REST changes them, sockets are told, and everything obeys. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { ConversationItem } from "../../src/domain/Answers.ts"
import type { ConversationView, MemberView, Role } from "../../src/domain/Conversation.ts"
import { defaultMemberSettings } from "../../src/domain/ConversationSettings.ts"
import type { Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import type { RestError } from "../support/RestClient.ts"

interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly next_cursor: string | null
}

class App extends Context.Service<App, AppProcess.RunningApp>()("test/App") {
  static readonly layer = Layer.effect(App, AppProcess.start())
}

/** Alice owns a group with Bob and Carol; Mallory is outside. */
const setting = Effect.gen(function* () {
  const app = yield* App
  const people = yield* Effect.all([Chat.person(app), Chat.person(app), Chat.person(app), Chat.person(app)])
  const [alice, bob, carol, mallory] = people
  const id = yield* Chat.group(alice, bob, carol)
  return { app, alice, bob, carol, mallory, id, path: `/api/v1/conversations/${id}` }
})

const rolesOf = (
  person: Chat.Person,
  path: string
): Effect.Effect<Readonly<Record<string, Role>>, RestError> =>
  Effect.map(person.rest.ok<Page<MemberView>>("GET", `${path}/members?limit=200`), ({ items }) =>
    Object.fromEntries(items.map(({ role, user_id }): [string, Role] => [user_id, role]))
  )

const reasonOf = ({ body, status }: { readonly status: number; readonly body: unknown }) => {
  const { reason, rule } = body as { readonly reason: string; readonly rule?: string }
  return [status, rule ?? reason]
}

const send = (person: Chat.Person, path: string, client_random: number, content = "hello") =>
  person.rest.request<Message>("POST", `${path}/messages`, { content, client_random })

const ids = (page: Page<ConversationItem>) => page.items.map((item) => item.id)

layer(App.layer, { excludeTestServices: true, timeout: "60 seconds" })("Management", (it) => {
  it.effect("only the owner gives roles, and everybody is told, on the conversation or beside it", () =>
    Effect.gen(function* () {
      const { alice, app, bob, carol, id, mallory, path } = yield* setting
      const joined = yield* Effect.flatMap(Chat.connect(app, bob), (socket) =>
        socket.join(`conversation:${id}`)
      )
      const beside = yield* Effect.flatMap(Chat.connect(app, carol), (socket) =>
        socket.join(`user:${carol.user_id}`)
      )
      const change = (by: Chat.Person, of: Chat.Person, role: Role) =>
        by.rest.request<MemberView>("PATCH", `${path}/members/${of.user_id}`, { role })

      const promoted = yield* change(alice, bob, "admin")
      assert.deepInclude(promoted.body as object, { user_id: bob.user_id, role: "admin" })
      const told = { user_id: bob.user_id, role: "admin", updated_by: alice.user_id }
      assert.deepInclude(yield* joined.next<object>("member_updated"), told)
      assert.deepInclude(yield* beside.next<object>("member_updated"), told)
      assert.strictEqual((yield* change(alice, bob, "admin")).status, 200, "a second time does nothing")

      assert.deepStrictEqual(reasonOf(yield* change(bob, carol, "admin")), [403, "role:change_role"])
      assert.deepStrictEqual(reasonOf(yield* change(bob, alice, "member")), [403, "role:change_role"])
      assert.deepStrictEqual(reasonOf(yield* change(bob, bob, "owner")), [403, "role:transfer"])
      assert.deepStrictEqual(reasonOf(yield* change(alice, mallory, "admin")), [404, "not_found"])
      assert.deepStrictEqual(reasonOf(yield* change(mallory, bob, "member")), [403, "not_member"])

      assert.strictEqual((yield* change(alice, bob, "owner")).body.role, "owner")
      assert.deepEqual(yield* rolesOf(carol, path), {
        [alice.user_id]: "admin",
        [bob.user_id]: "owner",
        [carol.user_id]: "member"
      })
      assert.strictEqual((yield* change(alice, bob, "owner")).status, 200, "a second time does nothing")
      assert.deepStrictEqual(reasonOf(yield* change(alice, carol, "admin")), [403, "role:change_role"])
    })
  )

  it.effect("an owner who leaves has an heir, and with the last one the group is gone", () =>
    Effect.gen(function* () {
      const { alice, app, bob, carol, id, path } = yield* setting
      const leave = (who: Chat.Person) => who.rest.request("POST", `${path}/leave`)
      const socket = yield* Chat.connect(app, alice)
      yield* socket.join(`user:${alice.user_id}`)
      const channel = yield* socket.join(`conversation:${id}`)
      yield* alice.rest.ok("PATCH", `${path}/members/${carol.user_id}`, { role: "admin" })
      assert.strictEqual((yield* leave(alice)).status, 204)
      yield* channel.closes.next()
      assert.deepEqual(yield* rolesOf(bob, path), { [bob.user_id]: "member", [carol.user_id]: "owner" })
      assert.deepStrictEqual(reasonOf(yield* leave(alice)), [403, "not_member"])
      assert.strictEqual((yield* leave(carol)).status, 204)
      assert.deepEqual(yield* rolesOf(bob, path), { [bob.user_id]: "owner" })
      assert.strictEqual((yield* leave(bob)).status, 204)
      assert.deepStrictEqual(reasonOf(yield* bob.rest.request("GET", path)), [403, "not_member"])
    })
  )

  it.effect("a group that its owner deletes is gone for everyone, sockets included", () =>
    Effect.gen(function* () {
      const { alice, app, bob, carol, id, path } = yield* setting
      const socket = yield* Chat.connect(app, bob)
      const own = yield* socket.join(`user:${bob.user_id}`)
      const channel = yield* socket.join(`conversation:${id}`)
      yield* carol.rest.ok("GET", path)
      assert.deepStrictEqual(reasonOf(yield* bob.rest.request("DELETE", path)), [403, "role:close"])
      assert.strictEqual((yield* alice.rest.request("DELETE", path)).status, 204)
      assert.deepStrictEqual(yield* own.next("conversation_deleted"), {
        conversation_id: id,
        deleted_by: alice.user_id
      })
      yield* channel.closes.next()
      for (const who of [alice, bob, carol]) {
        assert.deepStrictEqual(reasonOf(yield* who.rest.request("GET", path)), [403, "not_member"])
        assert.deepStrictEqual(reasonOf(yield* send(who, path, 1)), [403, "not_member"])
        const list = yield* who.rest.ok<Page<ConversationItem>>("GET", "/api/v1/conversations")
        assert.notInclude(ids(list), id)
      }
    })
  )

  it.effect("a direct conversation is deleted for oneself, until something new is said in it", () =>
    Effect.gen(function* () {
      const { alice, app, bob } = yield* setting
      const id = yield* Chat.direct(alice, bob)
      const path = `/api/v1/conversations/${id}`
      yield* send(alice, path, 1, "old")
      const other = yield* Effect.flatMap(Chat.connect(app, alice), (socket) =>
        socket.join(`user:${alice.user_id}`)
      )
      const listed = (who: Chat.Person) =>
        Effect.map(who.rest.ok<Page<ConversationItem>>("GET", "/api/v1/conversations"), ids)
      assert.strictEqual((yield* alice.rest.request("DELETE", path)).status, 204)
      assert.deepStrictEqual(yield* other.next("conversation_cleared"), {
        conversation_id: id,
        cleared_seq: 1
      })
      assert.notInclude(yield* listed(alice), id)
      assert.include(yield* listed(bob), id)
      assert.deepStrictEqual(yield* Chat.history(alice, id), [])
      assert.lengthOf(yield* Chat.history(bob, id), 1)
      yield* send(bob, path, 1, "new")
      assert.include(yield* listed(alice), id)
      assert.deepStrictEqual(
        (yield* Chat.history(alice, id)).map((message) => message.content),
        ["new"]
      )
      const rejoined = yield* Effect.flatMap(Chat.connect(app, alice), (socket) =>
        socket.join<{ readonly cleared_seq: number; readonly messages: ReadonlyArray<Message> }>(
          `conversation:${id}`
        )
      )
      assert.strictEqual(rejoined.reply.cleared_seq, 1)
      assert.lengthOf(rejoined.reply.messages, 1)
    })
  )

  it.effect("settings open and close what members may do, and everybody is told", () =>
    Effect.gen(function* () {
      const { alice, app, bob, id, mallory, path } = yield* setting
      const channel = yield* Effect.flatMap(Chat.connect(app, bob), (socket) =>
        socket.join(`conversation:${id}`)
      )
      const set = (who: Chat.Person, settings: object) =>
        who.rest.request("PATCH", `${path}/settings`, settings)
      assert.deepStrictEqual(reasonOf(yield* set(bob, { who_may_post: "everyone" })), [403, "role:configure"])
      yield* set(alice, {
        who_may_post: "admins",
        who_may_add_members: "everyone",
        message_ttl_seconds: 3600
      })
      const told = yield* channel.next<ConversationView>("conversation_updated")
      assert.deepInclude(told.settings, { who_may_post: "admins", slow_mode_seconds: 0 })
      assert.deepStrictEqual(reasonOf(yield* send(bob, path, 1)), [403, "setting:who_may_post"])
      const { body: sent } = yield* send(alice, path, 1)
      assert.strictEqual(Date.parse(sent.expires_at ?? "") - Date.parse(sent.sent_at), 3_600_000)
      yield* bob.rest.ok("POST", `${path}/members`, { user_ids: [mallory.user_id] })
      const asked = yield* mallory.rest.ok("GET", `${path}/settings`)
      assert.deepStrictEqual(asked, told.settings)
      assert.strictEqual((yield* set(alice, { slow_mode_seconds: -1 })).status, 400)
    })
  )

  it.effect("slow mode makes ordinary members wait, and lets a retry through", () =>
    Effect.gen(function* () {
      const { alice, app, bob, carol, id, path } = yield* setting
      assert.strictEqual((yield* send(bob, path, 1)).status, 201)
      yield* alice.rest.ok("PATCH", `${path}/settings`, { slow_mode_seconds: 3600 })
      // Sent before slow mode was on, and known from storage.
      const refused = yield* send(bob, path, 2)
      assert.deepStrictEqual(reasonOf(refused), [429, "rate_limited"])
      assert.deepInclude(refused.body as object, { scope: "slow_mode", limit: 1 })
      assert.strictEqual((yield* send(bob, path, 1)).status, 200, "a retry")
      assert.strictEqual((yield* send(carol, path, 1)).status, 201)
      const channel = yield* Effect.flatMap(Chat.connect(app, carol), (socket) =>
        socket.join(`conversation:${id}`)
      )
      const error = yield* Effect.flip(channel.push("send_message", { content: "again", client_random: 2 }))
      const reply = error.response as { readonly reason: string; readonly retry_after_ms: number }
      assert.strictEqual(reply.reason, "rate_limited")
      assert.isTrue(reply.retry_after_ms > 3_500_000 && reply.retry_after_ms <= 3_600_000)
      for (const random of [1, 2]) assert.strictEqual((yield* send(alice, path, random)).status, 201)
      yield* alice.rest.ok("PATCH", `${path}/settings`, { slow_mode_seconds: 0 })
      assert.strictEqual((yield* send(bob, path, 2)).status, 201)
    })
  )

  it.effect("one pins, archives and mutes for oneself, and one's other devices are told", () =>
    Effect.gen(function* () {
      const { alice, app, bob, id, path } = yield* setting
      const [second, third] = [yield* Chat.group(alice, bob), yield* Chat.group(alice, bob)]
      const other = yield* Effect.flatMap(Chat.connect(app, alice), (socket) =>
        socket.join(`user:${alice.user_id}`)
      )
      const list = (query = "") =>
        alice.rest.ok<Page<ConversationItem>>("GET", `/api/v1/conversations${query}`)
      assert.deepStrictEqual(ids(yield* list()), [third, second, id])
      const pinned = yield* alice.rest.ok("POST", `${path}/pin`)
      assert.deepStrictEqual(pinned, { ...defaultMemberSettings, pinned: true })
      const told = yield* other.next<ConversationItem>("conversation_updated")
      assert.strictEqual(told.id, id)
      assert.isTrue(told.my_settings.pinned)
      assert.deepStrictEqual(ids(yield* list()), [id, third, second])
      const first = yield* list("?limit=1")
      assert.deepStrictEqual(ids(first), [id])
      assert.deepStrictEqual(ids(yield* list(`?limit=2&cursor=${first.next_cursor}`)), [third, second])

      yield* alice.rest.ok("POST", `/api/v1/conversations/${third}/archive`)
      assert.deepStrictEqual(ids(yield* list("?archived=true")), [third])
      assert.deepStrictEqual(ids(yield* list("?archived=false")), [id, second])
      yield* alice.rest.ok("DELETE", `/api/v1/conversations/${third}/archive`)
      assert.deepStrictEqual(ids(yield* list("?archived=true")), [])

      const muted = { muted: true, muted_until: "2099-01-01T00:00:00.000Z" }
      assert.deepInclude(yield* alice.rest.ok("PATCH", `${path}/settings/me`, muted), muted)
      assert.deepInclude(yield* alice.rest.ok("GET", `${path}/settings/me`), { ...muted, pinned: true })
      assert.deepStrictEqual(yield* bob.rest.ok("GET", `${path}/settings/me`), defaultMemberSettings)
      const offset = { muted_until: "2099-01-01T01:00:00+02:00" }
      assert.deepInclude(yield* alice.rest.ok("PATCH", `${path}/settings/me`, offset), {
        muted: true,
        muted_until: "2098-12-31T23:00:00.000Z"
      })
      // An end that was set for an earlier muting is not this one's.
      const forEver = { muted: true, muted_until: null }
      assert.deepInclude(yield* alice.rest.ok("PATCH", `${path}/settings/me`, { muted: true }), forEver)
      assert.deepInclude(yield* alice.rest.ok("GET", `${path}/settings/me`), forEver)
      const wrong = yield* alice.rest.request("PATCH", `${path}/settings/me`, { muted_until: "tomorrow" })
      assert.strictEqual(wrong.status, 400)
    })
  )

  it.effect("finds one's own conversations by name and by member", () =>
    Effect.gen(function* () {
      const { alice, bob, carol, id, mallory, path } = yield* setting
      yield* alice.rest.ok("PATCH", path, { metadata: { name: "100% Running Club" } })
      const search = (who: Chat.Person, query: string) =>
        Effect.map(who.rest.ok<Page<ConversationItem>>("GET", `/api/v1/conversations/search?${query}`), ids)
      assert.deepStrictEqual(yield* search(bob, "q=running"), [id])
      assert.deepStrictEqual(yield* search(bob, "q=0%25%20r"), [id])
      assert.deepStrictEqual(yield* search(bob, "q=1%25Run"), [], "a percent sign stands for itself")
      assert.deepStrictEqual(yield* search(mallory, "q=running"), [])
      assert.deepStrictEqual(yield* search(bob, `member_id=${carol.user_id}`), [id])
      assert.deepStrictEqual(yield* search(bob, `member_id=${mallory.user_id}`), [])
      assert.strictEqual((yield* bob.rest.request("GET", "/api/v1/conversations/search")).status, 400)
    })
  )

  it.effect("an If-Match that is no longer true changes nothing", () =>
    Effect.gen(function* () {
      const { alice, app, path } = yield* setting
      const patch = (tag: string, metadata: object) =>
        Effect.promise(() =>
          fetch(`${app.url}${path}`, {
            method: "PATCH",
            headers: {
              authorization: `Bearer ${alice.token}`,
              "content-type": "application/json",
              "if-match": tag
            },
            body: JSON.stringify({ metadata })
          })
        )
      const shown = yield* alice.rest.request("GET", path)
      const tag = shown.headers.get("etag") ?? ""
      yield* send(alice, path, 1)
      const first = yield* patch(tag, { name: "first", b: 1, a: 2 })
      assert.strictEqual(first.status, 200)
      assert.strictEqual((yield* patch(tag, { name: "second" })).status, 409)
      const now = yield* alice.rest.request<ConversationView>("GET", path)
      assert.strictEqual(now.body.metadata.name, "first")
      assert.strictEqual(now.headers.get("etag"), first.headers.get("etag"))
      assert.strictEqual((yield* patch('"x"', {})).status, 400)
    })
  )

  it.effect("many are added at once with one event for the others, and listed page by page", () =>
    Effect.gen(function* () {
      const { alice, app, bob, id, path } = yield* setting
      const channel = yield* Effect.flatMap(Chat.connect(app, bob), (socket) =>
        socket.join(`conversation:${id}`)
      )
      const user_ids = Array.from({ length: 300 }, () => crypto.randomUUID())
      const added = yield* alice.rest.ok<Page<MemberView>>("POST", `${path}/members`, { user_ids })
      assert.lengthOf(added.items, 300)
      assert.deepInclude(yield* channel.next<object>("members_added"), { count: 300 })
      const seen: Array<string> = []
      let cursor: string | null = ""
      while (cursor !== null) {
        const at: string = cursor === "" ? "" : `&cursor=${cursor}`
        const page: Page<MemberView> = yield* bob.rest.ok<Page<MemberView>>(
          "GET",
          `${path}/members?limit=100${at}`
        )
        seen.push(...page.items.map((member) => member.user_id))
        cursor = page.next_cursor
      }
      assert.lengthOf(seen, 303)
      assert.deepStrictEqual(seen, [...seen].sort())
      assert.lengthOf(channel.received("member_added"), 0, "no event for each")
    })
  )
})
