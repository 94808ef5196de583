import { assert, describe, it } from "@effect/vitest"
import type { UserId } from "../../src/domain/Ids.ts"
import { SlowMode } from "../../src/domain/SlowMode.ts"

const [alice, bob] = ["alice", "bob"] as ReadonlyArray<string> as [UserId, UserId]

describe("SlowMode", () => {
  it("makes a member wait from their last send, wherever that is known from, and nobody else", () => {
    const slow = new SlowMode(10, new Map([[alice, { at: 1_000, clientRandom: 1 }]]))
    assert.deepInclude(slow.refuses(alice, 2, 1_001), { scope: "slow_mode", limit: 1, retryAfterMs: 9_999 })
    assert.isUndefined(slow.refuses(bob, 1, 1_001))
    assert.isUndefined(slow.refuses(alice, 2, 11_000))
    slow.sent(alice, { at: 11_000, clientRandom: 2 })
    assert.strictEqual(slow.refuses(alice, 3, 11_000)?.retryAfterMs, 10_000)
  })

  it("lets the retry of a send pass, which does not count again", () => {
    const slow = new SlowMode(10, new Map())
    slow.sent(alice, { at: 1_000, clientRandom: 7 })
    assert.isUndefined(slow.refuses(alice, 7, 5_000))
    slow.sent(alice, { at: 5_000, clientRandom: 7 })
    assert.strictEqual(slow.refuses(alice, 8, 10_999)?.retryAfterMs, 1)
    assert.isUndefined(slow.refuses(alice, 8, 11_000))
  })

  it("forgets a send that was not stored", () => {
    const slow = new SlowMode(10, new Map())
    slow.sent(alice, { at: 1_000, clientRandom: 7 })
    slow.failed(alice, 7)
    assert.isUndefined(slow.refuses(alice, 8, 1_001))
  })
})
