import { assert, describe, it } from "@effect/vitest"
import type { ConversationId, UserId } from "../../src/domain/Ids.ts"
import * as Topic from "../../src/domain/Topic.ts"

const id = "0190f3a0-0000-7000-8000-00000000000a"

describe("Topic", () => {
  it("reads what it writes", () => {
    assert.deepStrictEqual(Topic.parse(Topic.ofUser(id as UserId)), { kind: "user", userId: id as UserId })
    assert.deepStrictEqual(Topic.parse(Topic.ofConversation(id as ConversationId)), {
      kind: "conversation",
      conversationId: id as ConversationId
    })
  })

  it.each([
    "",
    ":",
    "phoenix",
    id,
    `room:${id}`,
    "user:",
    "user:1",
    `user:${id} `,
    `user:${id.toUpperCase()}`,
    `user:x:${id}`,
    `USER:${id}`,
    `:${id}`
  ])("serves no topic %j", (topic) => assert.isUndefined(Topic.parse(topic)))
})
