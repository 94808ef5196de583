/**
 * Roles and membership raced on two nodes without placement, so that each has an actor of its own for the group: after
 * every round the group has one owner, is what the answers said, and is the same to both nodes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import type { MemberView, Role } from "../../src/domain/Conversation.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"

const PEOPLE = 6
const ROUNDS = 40

interface Act {
  readonly kind: Role | "remove" | "leave"
  readonly by: number
  readonly target: number
  readonly node: 0 | 1
}

const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom<Act["kind"]>("owner", "owner", "admin", "member", "remove", "leave"),
  by: fc.nat(PEOPLE - 1),
  target: fc.nat(PEOPLE - 1),
  node: fc.constantFrom(0, 1)
})

const rounds = fc.array(fc.array(act, { minLength: 3, maxLength: 8 }), {
  minLength: ROUNDS,
  maxLength: ROUNDS
})

/** What nobody may be answered with: anything that is no clear yes and no clear no. */
const clear = [200, 201, 204, 403, 404, 409]

describe("Roles raced on two nodes", () => {
  it.live(
    "leave a group with one owner and with the members that the answers left it, on both",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* Nodes.two()
        yield* Effect.all([Nodes.hasRedis(one), Nodes.hasRedis(two)])
        const people = yield* Effect.forEach(Array.from({ length: PEOPLE }), () => Chat.person(one))
        const on = [people, people.map((person) => Chat.at(two, person))] as const
        const index = new Map(people.map(({ user_id }, n) => [user_id, n]))
        const [first, ...others] = people as [Chat.Person, ...Array<Chat.Person>]
        const id = yield* Chat.group(first, ...others)
        const path = `/api/v1/conversations/${id}/members`

        // A node may not have heard yet of what the other one did; it has when it lets the reader in.
        const rolesAt = (node: 0 | 1, reader: number) =>
          Effect.map(
            Poll.until(on[node][reader]!.rest.ok<{ readonly items: ReadonlyArray<MemberView> }>("GET", path)),
            ({ items }) => new Map(items.map(({ role, user_id }) => [index.get(user_id)!, role]))
          )
        const perform = ({ by, kind, node, target }: Act) => {
          const { rest } = on[node][by]!
          const at = `${path}/${people[kind === "leave" ? by : target]!.user_id}`
          return kind === "remove" || kind === "leave"
            ? rest.request("DELETE", at)
            : rest.request("PATCH", at, { role: kind })
        }

        let roles = yield* rolesAt(0, 0)
        const seen = { done: 0, refused: 0, owners: new Set<number>() }
        const [script] = fc.sample(rounds, { seed: 20_261_128, numRuns: 1 })
        for (const acts of script!) {
          const statuses = yield* Effect.forEach(
            acts,
            (one) => Effect.map(perform(one), ({ status }) => status),
            {
              concurrency: "unbounded"
            }
          )
          const what = JSON.stringify([[...roles], acts, statuses])
          for (const status of statuses) assert.include(clear, status, what)
          const done = acts.filter((_, n) => statuses[n]! < 300)
          seen.done += done.length
          seen.refused += acts.length - done.length

          const gone = new Set(
            done.flatMap(({ by, kind, target }) =>
              kind === "leave" ? [by] : kind === "remove" ? [target] : []
            )
          )
          const left = [...roles.keys()].filter((n) => !gone.has(n))
          // The last one has left, and the group is gone.
          if (left.length === 0) break
          const next = yield* rolesAt(0, left[0]!)
          assert.deepStrictEqual(yield* rolesAt(1, left[0]!), next, what)
          assert.sameMembers([...next.keys()], left, what)
          const owners = [...next].flatMap(([n, role]) => (role === "owner" ? [n] : []))
          assert.lengthOf(owners, 1, what)
          const [owner] = owners as [number]
          seen.owners.add(owner)
          const handed = done.flatMap(({ kind, target }) => (kind === "owner" ? [target] : []))
          const former = [...roles].find(([, role]) => role === "owner")![0]
          // Another owner was made one, or is the heir of one who left.
          const isHeir = [former, ...handed].some((n) => gone.has(n))
          assert.isTrue(owner === former || handed.includes(owner) || isHeir, what)

          const missing = people.filter((_, n) => !next.has(n)).map(({ user_id }) => user_id)
          if (missing.length > 0) {
            yield* Poll.until(on[0][owner]!.rest.ok("POST", path, { user_ids: missing }))
          }
          roles = yield* rolesAt(0, owner)
        }
        assert.isAbove(seen.done, ROUNDS / 2)
        assert.isAbove(seen.refused, ROUNDS / 2)
        assert.isAbove(seen.owners.size, 2)
      }),
    180_000
  )
})
