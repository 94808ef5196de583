/** What a join tells of how far others have read: all of it in a small conversation, one's own in a larger one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"

const joinedBy = Effect.fnUntraced(function* (app: AppProcess.RunningApp, who: Chat.Person, id: string) {
  const socket = yield* Chat.connect(app, who)
  const { reply } = yield* socket.join<{ readonly read_positions: object }>(`conversation:${id}`)
  return Object.keys(reply.read_positions)
})

describe("A join's read positions", () => {
  it.live("are those of all up to as many members, and one's own beyond", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start({ env: { MAX_READ_POSITIONS: "2" } })
      const people = yield* Effect.all([Chat.person(app), Chat.person(app), Chat.person(app)])
      const [alice, bob, carol] = people
      const small = yield* Chat.group(alice, bob)
      const large = yield* Chat.group(alice, bob, carol)
      for (const id of [small, large]) {
        const path = `/api/v1/conversations/${id}`
        yield* alice.rest.ok("POST", `${path}/messages`, { content: "hello", client_random: 1 })
        yield* alice.rest.ok("POST", `${path}/mark-as-read`, { seq: 1 })
        yield* bob.rest.ok("POST", `${path}/mark-as-read`, { seq: 1 })
      }
      assert.sameMembers(yield* joinedBy(app, bob, small), [alice.user_id, bob.user_id])
      assert.deepStrictEqual(yield* joinedBy(app, bob, large), [bob.user_id])
    })
  )

  it.live(
    "and the receipts after it, are told in the same conversations; one's own devices hear of all",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { MAX_READ_POSITIONS: "2" } })
        const [alice, bob, carol] = yield* Effect.all([Chat.person(app), Chat.person(app), Chat.person(app)])
        const [small, large] = [yield* Chat.group(alice, bob), yield* Chat.group(alice, bob, carol)]
        const own = yield* Effect.flatMap(Chat.connect(app, alice), (socket) =>
          socket.join(`user:${alice.user_id}`)
        )
        const bobs = yield* Chat.connect(app, bob)
        const [inSmall, inLarge] = [
          yield* bobs.join(`conversation:${small}`),
          yield* bobs.join(`conversation:${large}`)
        ]
        for (const id of [large, small]) {
          const path = `/api/v1/conversations/${id}`
          yield* bob.rest.ok("POST", `${path}/messages`, { content: "hello", client_random: 1 })
          yield* alice.rest.ok("POST", `${path}/delivered`, { seq: 1 })
          yield* alice.rest.ok("POST", `${path}/mark-as-read`, { seq: 1 })
          assert.deepInclude(yield* own.next<object>("read_status"), { conversation_id: id })
        }
        assert.deepInclude(yield* inSmall.next<object>("read_receipt"), { user_id: alice.user_id })
        assert.lengthOf(inSmall.received("delivery_receipt"), 1)
        assert.deepStrictEqual(
          [...inLarge.received("read_receipt"), ...inLarge.received("delivery_receipt")],
          []
        )
      })
  )
})
