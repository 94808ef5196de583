import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Forbidden, NotMember } from "../../../src/domain/Errors.ts"
import { conversationId, identityOf, serve, userId } from "./RestServer.ts"

const id = conversationId("c")
const PATH = `/api/v1/conversations/${id}/members`
const member = { user_id: userId("bob"), role: "member" as const, joined_at: "2026-01-01T00:00:00.000Z" }

describe("/conversations/{id}/members", () => {
  it.live("lists the members page by page", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const call = yield* serve({
        conversations: {
          members: (_caller, _id, page) => {
            asked.push(page)
            return Effect.succeed({ items: [member], hasMore: page.after === undefined })
          }
        }
      })
      const first = yield* call(`${PATH}?limit=1`, { as: "alice" })
      assert.strictEqual(first.status, 200)
      const { items, next_cursor } = first.json as { items: unknown; next_cursor: string }
      assert.deepStrictEqual(items, [member])
      const second = yield* call(`${PATH}?limit=1&cursor=${next_cursor}`, { as: "alice" })
      assert.deepStrictEqual(second.json, { items: [member], next_cursor: null })
      assert.deepStrictEqual(asked, [
        { after: undefined, limit: 1 },
        { after: member.user_id, limit: 1 }
      ])
      const forged = yield* call(`${PATH}?cursor=bm90aGluZw`, { as: "alice" })
      assert.deepInclude(forged.json, { status: 400, reason: "invalid" })
    })
  )

  it.live("adds members: 201 with the new ones, 200 when there are none", () =>
    Effect.gen(function* () {
      let added = [member]
      let asked: unknown
      const call = yield* serve({
        conversations: {
          addMembers: (...args) => {
            asked = args
            return Effect.succeed(added)
          }
        }
      })
      const body = { user_ids: [userId("bob")], role: "admin" }
      const first = yield* call(PATH, { as: "alice", body })
      assert.strictEqual(first.status, 201)
      assert.deepStrictEqual(first.json, { items: [member], next_cursor: null })
      assert.deepStrictEqual(asked, [identityOf("alice"), id, body])
      added = []
      assert.strictEqual((yield* call(PATH, { as: "alice", body })).status, 200)
    })
  )

  it.live("refuses to add nobody", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      const answer = yield* call(PATH, { as: "alice", body: { user_ids: [] } })
      assert.strictEqual(answer.status, 400)
      assert.deepInclude((answer.json as { issues: ReadonlyArray<object> }).issues[0], { path: "user_ids" })
    })
  )

  it.live("removes a member with 204 and no body", () =>
    Effect.gen(function* () {
      let asked: unknown
      const call = yield* serve({
        conversations: {
          removeMember: (...args) => {
            asked = args
            return Effect.void
          }
        }
      })
      const answer = yield* call(`${PATH}/${userId("bob")}`, { as: "alice", method: "DELETE" })
      assert.strictEqual(answer.status, 204)
      assert.strictEqual(answer.text, "")
      assert.deepStrictEqual(asked, [identityOf("alice"), id, userId("bob")])
    })
  )

  it.live("answers refusals of all three", () =>
    Effect.gen(function* () {
      const call = yield* serve({
        conversations: {
          members: () => Effect.fail(new NotMember()),
          addMembers: () => Effect.fail(new Forbidden({ rule: "role:add_member" })),
          removeMember: () => Effect.fail(new Forbidden({ rule: "role:remove_member" }))
        }
      })
      assert.deepInclude((yield* call(PATH, { as: "mallory" })).json, { status: 403, reason: "not_member" })
      const added = yield* call(PATH, { as: "bob", body: { user_ids: [userId("carol")] } })
      assert.deepInclude(added.json, { status: 403, rule: "role:add_member" })
      const removed = yield* call(`${PATH}/${userId("alice")}`, { as: "bob", method: "DELETE" })
      assert.deepInclude(removed.json, { status: 403, rule: "role:remove_member" })
    })
  )
})
