/** `/api/v1/groups` in the whole service: created once under a name of one's own, and managed by the one policy. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { ConversationView, MemberView } from "../../src/domain/Conversation.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"

const GROUPS = "/api/v1/groups"

class App extends Context.Service<App, AppProcess.RunningApp>()("test/App") {
  static readonly layer = Layer.effect(App, AppProcess.start())
}

const people = Effect.gen(function* () {
  const app = yield* App
  const [alice, bob, mallory] = yield* Effect.all([Chat.person(app), Chat.person(app), Chat.person(app)])
  return { app, alice, bob, mallory }
})

const create = (by: Chat.Person, body: object) => by.rest.request<ConversationView>("POST", GROUPS, body)

const outcome = ({ body, status }: { readonly status: number; readonly body: unknown }) => {
  const { reason } = body as { readonly reason: string }
  return [status, reason]
}

layer(App.layer, { excludeTestServices: true, timeout: "60 seconds" })("Groups", (it) => {
  it.effect("are created once under an id of their creator's own, however often it is tried at once", () =>
    Effect.gen(function* () {
      const { alice, app, bob } = yield* people
      const beside = yield* Effect.flatMap(Chat.connect(app, bob), (socket) =>
        socket.join(`user:${bob.user_id}`)
      )
      const body = { external_group_id: "team-1", member_ids: [bob.user_id], metadata: { name: "Team" } }
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () => create(alice, body)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers.map(({ status }) => status).sort(), [...Array(7).fill(200), 201])
      const [{ body: group }] = answers as [(typeof answers)[number]]
      assert.deepStrictEqual(new Set(answers.map((answer) => answer.body.id)), new Set([group.id]))
      assert.deepInclude(group, { type: "group", external_group_id: "team-1", member_count: 2 })
      assert.strictEqual(answers[0]!.headers.get("location"), `${GROUPS}/${group.id}`)
      yield* beside.next("conversation_created")
      assert.strictEqual((yield* create(alice, { member_ids: [] })).status, 201)
      assert.strictEqual((yield* create(alice, { member_ids: [] })).status, 201, "no name, another group")
    })
  )

  it.effect("have names that nobody else can take, or find out", () =>
    Effect.gen(function* () {
      const { alice, mallory } = yield* people
      const body = { external_group_id: "secret-project", member_ids: [] }
      const hers = yield* create(alice, body)
      const other = yield* create(mallory, body)
      assert.deepStrictEqual([hers.status, other.status], [201, 201])
      assert.notStrictEqual(hers.body.id, other.body.id)
      const wrong = yield* create(alice, { external_group_id: "", member_ids: [] })
      assert.deepStrictEqual(outcome(wrong), [400, "invalid"])
    })
  )

  it.effect("do not come back under the name of a group that was left or deleted", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* people
      const left = { external_group_id: "left", member_ids: [bob.user_id] }
      const { body: first } = yield* create(alice, left)
      assert.strictEqual((yield* alice.rest.request("POST", `${GROUPS}/${first.id}/leave`)).status, 204)
      assert.deepStrictEqual(outcome(yield* create(alice, left)), [409, "conflict"])
      const gone = { external_group_id: "gone", member_ids: [] }
      const { body: second } = yield* create(alice, gone)
      assert.strictEqual((yield* alice.rest.request("DELETE", `${GROUPS}/${second.id}`)).status, 204)
      assert.deepStrictEqual(outcome(yield* create(alice, gone)), [409, "conflict"])
    })
  )

  it.effect("are shown, changed and deleted, their members added and removed, by who may", () =>
    Effect.gen(function* () {
      const { alice, bob, mallory } = yield* people
      const { body: group } = yield* create(alice, { member_ids: [] })
      const path = `${GROUPS}/${group.id}`

      const added = yield* alice.rest.request<{ readonly items: ReadonlyArray<MemberView> }>(
        "POST",
        `${path}/members`,
        { user_ids: [bob.user_id] }
      )
      assert.strictEqual(added.status, 201)
      assert.deepStrictEqual(
        added.body.items.map((member) => member.user_id as string),
        [bob.user_id]
      )
      const shown = yield* bob.rest.request<ConversationView>("GET", path)
      assert.strictEqual(shown.body.member_count, 2)
      assert.match(shown.headers.get("etag")!, /^"[\w-]{22}"$/)

      const renamed = yield* alice.rest.ok<ConversationView>("PATCH", path, { metadata: { name: "Tea" } })
      assert.deepStrictEqual(renamed.metadata, { name: "Tea" })
      const refused = { metadata: { name: "Coffee" } }
      assert.deepStrictEqual(outcome(yield* bob.rest.request("PUT", path, refused)), [403, "forbidden"])
      assert.deepStrictEqual(outcome(yield* mallory.rest.request("GET", path)), [403, "not_member"])
      assert.deepStrictEqual(outcome(yield* bob.rest.request("DELETE", path)), [403, "forbidden"])

      const removal = yield* alice.rest.request("DELETE", `${path}/members/${bob.user_id}`)
      assert.strictEqual(removal.status, 204)
      assert.deepStrictEqual(outcome(yield* bob.rest.request("GET", path)), [403, "not_member"])
      assert.strictEqual((yield* alice.rest.request("DELETE", path)).status, 204)
      assert.deepStrictEqual(outcome(yield* alice.rest.request("GET", path)), [403, "not_member"])
    })
  )

  it.effect("are not what a direct conversation is", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* people
      const path = `${GROUPS}/${yield* Chat.direct(alice, bob)}`
      for (const [method, at, body] of [
        ["GET", path, undefined],
        ["PATCH", path, { metadata: {} }],
        ["DELETE", path, undefined],
        ["POST", `${path}/leave`, undefined]
      ] as const) {
        assert.deepStrictEqual(outcome(yield* alice.rest.request(method, at, body)), [404, "not_found"])
      }
    })
  )
})
