import { assert, describe, it } from "@effect/vitest"
import { asOf, isOver } from "../../src/domain/Expiry.ts"
import type { ConversationId, MediaId, MessageId, UserId } from "../../src/domain/Ids.ts"
import type { Message } from "../../src/domain/Message.ts"

const uuid = "00000000-0000-7000-8000-000000000001"

const message: Message = {
  id: uuid as MessageId,
  conversation_id: uuid as ConversationId,
  seq: 3,
  version_seq: 5,
  sender_id: uuid as UserId,
  reply_to_id: null,
  message_type: "text",
  content: "secret",
  metadata: { a: 1 },
  client_random: 1,
  sent_at: new Date(0).toISOString(),
  edited_at: new Date(10).toISOString(),
  edit_count: 1,
  expires_at: new Date(1000).toISOString(),
  is_deleted: false,
  is_pinned: true,
  reactions: [{ reaction: "👍", user_ids: [uuid as UserId] }],
  attachments: [{ id: uuid, media_id: uuid as MediaId, media_type: "image", metadata: {} }]
}

describe("Expiry", () => {
  it("is over at its moment, not a millisecond before, and never without one", () => {
    assert.isFalse(isOver(message, 999, null))
    assert.isTrue(isOver(message, 1000, null))
    assert.isFalse(isOver({ ...message, expires_at: null }, Number.MAX_SAFE_INTEGER, null))
  })

  it("is over when its conversation keeps it no longer, if that is sooner", () => {
    assert.isTrue(isOver(message, 500, 500))
    assert.isFalse(isOver(message, 499, 500))
    assert.isTrue(isOver(message, 1000, 5000))
    assert.isTrue(isOver({ ...message, expires_at: null }, 5000, 5000))
  })

  it("shows of a message that is over what a deletion leaves, and of any other all", () => {
    assert.strictEqual(asOf(message, 999, null), message)
    const { content: _, ...kept } = message
    assert.deepStrictEqual(asOf(message, 1000, null), {
      ...kept,
      content: null,
      metadata: {},
      is_deleted: true,
      is_pinned: false,
      reactions: [],
      attachments: []
    })
  })
})
