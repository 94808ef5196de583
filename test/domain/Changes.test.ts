import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { type Change, judge, ReactionKey } from "../../src/domain/Changes.ts"
import type { ConversationType, Role, State } from "../../src/domain/Conversation.ts"
import type { ConversationId, MediaId, MessageId, UserId } from "../../src/domain/Ids.ts"
import type { Message, MessageType } from "../../src/domain/Message.ts"
import { memberOf, stateOf } from "../contract/States.ts"

const uuid = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`
const id = uuid(99) as ConversationId
const [sender, other, stranger] = [uuid(1), uuid(2), uuid(3)] as [UserId, UserId, UserId]

const hour = 3_600_000
const limits = { editWindow: 2 * hour, deleteWindow: 3 * hour }

const state = (type: ConversationType, senderRole: Role, otherRole: Role, isActive = true): State =>
  stateOf([memberOf(sender, { role: senderRole }), memberOf(other, { role: otherRole })], {
    id,
    type,
    isActive,
    lastSeq: 1
  })

const message = (type: MessageType, isDeleted: boolean): Message => ({
  id: uuid(7) as MessageId,
  conversation_id: id,
  seq: 1,
  version_seq: 1,
  sender_id: sender,
  reply_to_id: null,
  message_type: type,
  content: isDeleted ? null : "hello",
  metadata: {},
  client_random: 1,
  sent_at: new Date(0).toISOString(),
  edited_at: null,
  edit_count: 0,
  expires_at: null,
  is_deleted: isDeleted,
  is_pinned: false,
  reactions: [],
  attachments: []
})

const changes: { readonly [K in Change["kind"]]: Change } = {
  edit: { kind: "edit", content: "changed", metadata: null, expected: null },
  delete: { kind: "delete" },
  hide: { kind: "hide" },
  react: { kind: "react", reaction: "👍" },
  unreact: { kind: "unreact", reaction: "👍" },
  attach: { kind: "attach", attachment: { media_id: uuid(8) as MediaId, media_type: "image" } },
  pin: { kind: "pin" },
  unpin: { kind: "unpin" }
}

const answer = (result: ReturnType<typeof judge>): string => {
  if (Result.isSuccess(result)) return "allowed"
  const { failure } = result
  return failure._tag === "Forbidden" ? failure.rule : failure._tag
}

/** The rules once more, in the words of a table: what is asked, and the answer. */
const expected = (
  kind: Change["kind"],
  asked: {
    readonly type: ConversationType
    readonly role: Role
    readonly isSender: boolean
    readonly messageType: MessageType
    readonly isDeleted: boolean
    readonly age: number
  }
): string => {
  const { age, isDeleted, isSender, messageType, role, type } = asked
  const isManager = role === "owner" || role === "admin"
  const mayPin = type === "direct" || role !== "member"
  switch (kind) {
    case "edit":
      if (!isSender) return "edit:sender_only"
      if (messageType === "system") return "edit:system_message"
      if (isDeleted) return "Conflict"
      return age > limits.editWindow ? "edit:too_late" : "allowed"
    case "delete":
      if (isManager && type === "group") return "allowed"
      if (!isSender) return "delete:sender_only"
      if (messageType === "system") return "delete:system_message"
      return age > limits.deleteWindow && !isDeleted ? "delete:too_late" : "allowed"
    case "attach":
      if (!isSender) return "attach:sender_only"
      return isDeleted ? "Conflict" : "allowed"
    case "pin":
      if (!mayPin) return "setting:who_may_pin"
      return isDeleted ? "Conflict" : "allowed"
    case "unpin":
      return mayPin ? "allowed" : "setting:who_may_pin"
    case "react":
      return isDeleted ? "Conflict" : "allowed"
    case "hide":
    case "unreact":
      return "allowed"
  }
}

const types: ReadonlyArray<ConversationType> = ["direct", "group"]
const roles: ReadonlyArray<Role> = ["owner", "admin", "member"]
const messageTypes: ReadonlyArray<MessageType> = ["text", "media", "system"]
const ages = [0, limits.editWindow, limits.editWindow + 1, limits.deleteWindow, limits.deleteWindow + 1]

describe("Changes", () => {
  for (const [kind, change] of Object.entries(changes) as ReadonlyArray<[Change["kind"], Change]>) {
    it(`judges ${kind} by role, author, kind of message and age`, () => {
      for (const type of types)
        for (const role of roles)
          for (const isSender of [true, false])
            for (const messageType of messageTypes)
              for (const isDeleted of [false, true])
                for (const age of ages) {
                  const asked = { type, role, isSender, messageType, isDeleted, age }
                  const result = judge(
                    state(type, role, role),
                    isSender ? sender : other,
                    message(messageType, isDeleted),
                    change,
                    age,
                    limits
                  )
                  assert.strictEqual(answer(result), expected(kind, asked), JSON.stringify(asked))
                }
    })

    it(`answers ${kind} by a stranger alike, whether there is such a message or not`, () => {
      for (const target of [message("text", false), undefined])
        for (const isActive of [true, false])
          assert.strictEqual(
            answer(judge(state("group", "owner", "member", isActive), stranger, target, change, 0, limits)),
            "NotMember"
          )
    })

    it(`finds no message of elsewhere, and no closed conversation, to ${kind}`, () => {
      const elsewhere = { ...message("text", false), conversation_id: uuid(98) as ConversationId }
      const open = state("group", "owner", "member")
      for (const target of [elsewhere, undefined])
        assert.strictEqual(answer(judge(open, sender, target, change, 0, limits)), "NotFound")
      const closed = state("group", "owner", "member", false)
      assert.strictEqual(
        answer(judge(closed, sender, message("text", false), change, 0, limits)),
        "NotMember"
      )
    })
  }

  it("takes one emoji or a short code for a reaction", () => {
    const is = Schema.is(ReactionKey)
    for (const text of [
      "👍",
      "👍🏽",
      "❤️",
      "❤",
      "👩‍👩‍👧‍👦",
      "🇨🇭",
      "1️⃣",
      "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
      "+1",
      "thumbs_up",
      ":party-parrot:"
    ])
      assert.isTrue(is(text), text)
    for (const text of [
      "",
      " ",
      "👍👍",
      "👍 ",
      "hello there",
      "Loud",
      ":half",
      "::",
      "<b>",
      "\0",
      "\uD83D",
      `:${"x".repeat(63)}:`,
      "x".repeat(65)
    ])
      assert.isFalse(is(text), text)
  })
})
