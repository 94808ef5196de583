import { assert, describe, it } from "@effect/vitest"
import {
  advance,
  type Member,
  positions,
  type Role,
  type State,
  view
} from "../../src/domain/Conversation.ts"
import type { ConversationId, UserId } from "../../src/domain/Ids.ts"
import { memberOf, stateOf } from "../contract/States.ts"

const user = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}` as UserId

const member = (n: number, role: Role, lastReadSeq = 0, lastDeliveredSeq = 0): Member =>
  memberOf(user(n), { role, lastReadSeq, lastDeliveredSeq })

const state = (overrides: Partial<State> = {}, ...members: ReadonlyArray<Member>): State =>
  stateOf(members, { id: user(99) as string as ConversationId, lastSeq: 10, ...overrides })

describe("Conversation", () => {
  it("moves watermarks forward only, and never past what exists", () => {
    const s = state()
    const at4 = member(1, "member", 4, 5)
    assert.isUndefined(advance(s, at4, { read: 4 }))
    assert.isUndefined(advance(s, at4, { read: 2, delivered: 3 }))
    assert.deepInclude(advance(s, at4, { read: 7 }), { lastReadSeq: 7, lastDeliveredSeq: 7 })
    assert.deepInclude(advance(s, at4, { delivered: 8 }), { lastReadSeq: 4, lastDeliveredSeq: 8 })
    assert.deepInclude(advance(s, at4, { read: 1_000_000 }), { lastReadSeq: 10, lastDeliveredSeq: 10 })
  })

  it("shows positions of those who have received something", () => {
    const s = state({}, member(1, "owner"), member(2, "member", 3, 6))
    assert.deepStrictEqual(positions(s, member(1, "owner")), {
      [user(2)]: { last_read_seq: 3, last_delivered_seq: 6 }
    })
    assert.strictEqual(view(s).member_count, 2)
  })

  it("shows one's own position only in a conversation of more members than that", () => {
    const s = state({}, member(1, "owner", 2, 4), member(2, "member", 3, 6))
    assert.hasAllKeys(positions(s, member(1, "owner", 2, 4), 2), [user(1), user(2)])
    assert.deepStrictEqual(positions(s, member(1, "owner", 2, 4), 1), {
      [user(1)]: { last_read_seq: 2, last_delivered_seq: 4 }
    })
  })
})
