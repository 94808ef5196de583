import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { MAX_ITEMS } from "../../src/domain/BoundedJson.ts"
import { AddMembers, MarkAllRead, SendMessage } from "../../src/domain/Commands.ts"
import { decoder } from "../../src/domain/Decode.ts"

const issuesOf = <A>(result: Result.Result<A, { readonly issues: unknown }>) =>
  Result.isFailure(result) ? result.failure.issues : "none"

describe("A decoder", () => {
  it("names each wrong field", () => {
    assert.deepStrictEqual(issuesOf(decoder(SendMessage)({ content: 1, client_random: 1, expires_in: 0 })), [
      { path: "content", message: "Expected string" },
      { path: "expires_in", message: "Expected a value between 1 and 31536000" }
    ])
  })

  it("does not look into a list of more items than any may have", () => {
    const tooMany = Array.from({ length: MAX_ITEMS + 1 }, () => 1)
    const refused = (path: string, max: number) => [{ path, message: `Expected at most ${max} items` }]
    assert.deepStrictEqual(
      issuesOf(decoder(MarkAllRead)({ conversation_ids: tooMany })),
      refused("conversation_ids", MAX_ITEMS)
    )
    assert.deepStrictEqual(issuesOf(decoder(AddMembers, 2)({ user_ids: [1, 1, 1] })), refused("user_ids", 2))
    assert.deepStrictEqual(
      issuesOf(decoder(SendMessage)({ content: "x", client_random: 1, attachments: tooMany })),
      refused("attachments", MAX_ITEMS)
    )
  })

  it("names so many of the wrong items that they are found, and no more", () => {
    const issues = issuesOf(decoder(MarkAllRead)({ conversation_ids: Array.from({ length: 500 }, () => 1) }))
    assert.lengthOf(issues as ReadonlyArray<unknown>, 20)
  })
})
