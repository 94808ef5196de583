import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Events from "../../../src/actors/conversation/ConversationEvents.ts"
import type { Snapshot } from "../../../src/actors/conversation/Conversations.ts"
import { expiringPayload } from "../../../src/actors/session/TokenRefresh.ts"
import { decodeChange } from "../../../src/domain/ChangeRequests.ts"
import type { ConversationView, Member } from "../../../src/domain/Conversation.ts"
import type { ConversationJoined } from "../../../src/domain/ConversationEvent.ts"
import { defaultMemberSettings, defaultSettings } from "../../../src/domain/ConversationSettings.ts"
import { MediaId } from "../../../src/domain/Ids.ts"
import type { Message } from "../../../src/domain/Message.ts"
import { defaultPreferences } from "../../../src/domain/Preferences.ts"
import type { ChangeOutcome, NewChange } from "../../../src/domain/ports/MessageWriter.ts"
import {
  connectionEvents,
  conversationEvents,
  userEvents
} from "../../../src/domain/protocol/ChannelEvents.ts"
import { make } from "../../../src/edges/websocket/AsyncApi.ts"
import { conversation, topic } from "./FakeConversations.ts"
import { isEvent, open } from "./RawSocket.ts"
import { start, userId } from "./SocketServer.ts"

const document = make()
const alice = userId("alice")
const id = conversation(1)
const now = new Date(0).toISOString()

const message: Message = {
  id: "00000000-0000-7000-8000-000000000001" as Message["id"],
  conversation_id: id,
  seq: 1,
  version_seq: 1,
  sender_id: alice,
  reply_to_id: null,
  message_type: "text",
  content: "hello",
  metadata: {},
  client_random: 1,
  sent_at: now,
  edited_at: null,
  edit_count: 0,
  expires_at: null,
  is_deleted: false,
  is_pinned: false,
  reactions: [],
  attachments: []
}

const view: ConversationView = {
  id,
  type: "group",
  external_group_id: null,
  metadata: {},
  settings: defaultSettings,
  is_active: true,
  last_seq: 1,
  member_count: 1,
  created_at: now,
  updated_at: now
}

const member: Member = {
  userId: alice,
  role: "member",
  joinedAt: 0,
  joinedSeq: 0,
  lastReadSeq: 1,
  lastDeliveredSeq: 1,
  lastHiddenSeq: 0,
  clearedSeq: 0,
  settings: defaultMemberSettings
}

const change = (kind: Events.PublicChange) => {
  const newChange: NewChange = {
    id: "00000000-0000-7000-8000-000000000008",
    conversationId: id,
    messageId: message.id,
    userId: alice,
    at: 0,
    change: kind
  } as NewChange
  return Events.messageChanged(message, newChange, kind, { versionSeq: 2 } as ChangeOutcome)
}

/** What the service tells, one of each. */
/** What the user channel tells by itself. */
const own = (event: string, payload: unknown) => ({
  topic: `user:${alice}`,
  event,
  payload: JSON.stringify(payload)
})

const told = [
  Events.newMessage(message),
  change({ kind: "edit", content: "Hello", metadata: null, expected: null }),
  change({ kind: "delete" }),
  change({ kind: "react", reaction: "👋" }),
  change({ kind: "unreact", reaction: "👋" }),
  change({
    kind: "attach",
    attachment: { media_id: MediaId.make("00000000-0000-7000-8000-000000000009"), media_type: "image" }
  }),
  change({ kind: "pin" }),
  change({ kind: "unpin" }),
  Events.typing(id, alice, "start", null),
  Events.readReceipt(id, member, null),
  Events.deliveryReceipt(id, member, null),
  Events.memberAdded(topic(1), id, member, alice),
  Events.memberRemoved(topic(1), id, alice, alice),
  Events.membersAdded(id, 21, alice),
  Events.memberUpdated(id, member, alice),
  Events.conversationUpdated(topic(1), view),
  Events.ownSettingsUpdated(alice, view, defaultMemberSettings, null),
  Events.conversationCleared(alice, id, 7, null),
  Events.conversationDeleted(topic(1), id, alice),
  Events.conversationCreated(alice, view),
  Events.draftUpdated(alice, id, {
    conversation_id: id,
    content: "Dear",
    metadata: {},
    reply_to_id: null,
    updated_at: now
  }),
  Events.messageHidden(alice, id, message.id, null),
  Events.readStatus(id, member, null),
  Events.deliveryStatus(id, member, null),
  Events.preferencesUpdated(alice, defaultPreferences),
  Events.mentioned(alice, message),
  own("user_presence_changed", { user_id: alice, status: "offline", last_seen: now, stale: true }),
  own("pending_message", message),
  own("sync_complete", { pending_count: 1, cursor: "1-0", truncated: [id], conversations: [id] }),
  own("sync_reset", {
    reason: "lost",
    cursor: "1-0",
    unread: {
      total: 1,
      conversations: [{ conversation_id: id, last_seq: 2, last_read_seq: 1, unread_count: 1 }],
      has_more: false
    }
  }),
  own("sync_reset", { reason: "unavailable" }),
  own("token_expiring", JSON.parse(expiringPayload(120)))
]

/** Throws unless the value is as described, without further fields. */
const strictly = (schema: Schema.Constraint) =>
  Schema.decodeUnknownSync(schema as Schema.Codec<unknown>, { onExcessProperty: "error" })

describe("AsyncApi", () => {
  it("refers to nothing that it does not have", () => {
    const text = JSON.stringify(document)
    const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = ""]) => path)
    assert.isAbove(references.length, 50)
    for (const reference of references) {
      const found = reference
        .split("/")
        .reduce<unknown>(
          (value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key],
          document
        )
      assert.isDefined(found, reference)
    }
  })

  it("has an operation for every event, in its direction", () => {
    const { operations } = document as {
      readonly operations: Readonly<Record<string, { readonly action: string }>>
    }
    const described = { conversation: conversationEvents, user: userEvents, connection: connectionEvents }
    for (const [name, events] of Object.entries(described)) {
      for (const event of Object.keys(events.requests)) {
        assert.strictEqual(operations[`${name}.${event}`]?.action, "receive")
      }
      for (const event of Object.keys(events.notices)) {
        assert.strictEqual(operations[`${name}.${event}`]?.action, "send")
      }
    }
  })

  it("has every change that a channel decodes", () => {
    const changes = [
      "edit_message",
      "delete_message",
      "add_reaction",
      "remove_reaction",
      "add_attachment",
      "pin_message",
      "unpin_message"
    ]
    for (const event of changes) {
      assert.isDefined(decodeChange(event, {}), event)
      assert.isDefined(conversationEvents.requests[event], event)
    }
  })

  it("describes what the service tells as it is", () => {
    const shown = new Set(["presence_state", "presence_diff", "phx_close", "phx_error"])
    for (const { event, payload, topic } of told) {
      const { notices } = topic.startsWith("user:") ? userEvents : conversationEvents
      const schema = notices[event]?.payload
      assert.isDefined(schema, event)
      assert.doesNotThrow(() => strictly(schema!)(JSON.parse(payload)), event)
      shown.add(event)
    }
    const described = Object.keys({ ...conversationEvents.notices, ...userEvents.notices })
    assert.deepStrictEqual([...shown].sort(), described.sort())
  })

  it.effect("describes heartbeats, and how a channel ends, as they are", () =>
    Effect.gen(function* () {
      const socket = yield* open(yield* start())
      const ends = Effect.fnUntraced(function* (event: "phx_close" | "phx_error") {
        const frame = yield* socket.frames.next({ where: isEvent(event) })
        const { payload } = conversationEvents.notices[event]!
        assert.deepStrictEqual(userEvents.notices[event]?.payload, payload)
        strictly(payload)((frame as ReadonlyArray<unknown>)[4])
      })
      yield* socket.join(topic(1), "1")
      socket.send("1", "2", topic(1), "send_message", { content: "crash!", client_random: 1 })
      yield* ends("phx_error")
      yield* socket.join(topic(1), "3")
      socket.send("3", "4", topic(1), "phx_leave")
      yield* ends("phx_close")
      const [event = "", { reply }] = Object.entries(connectionEvents.requests)[0]!
      socket.send(null, "5", connectionEvents.address, event)
      const answer = (yield* socket.next()) as ReadonlyArray<unknown>
      const { response, status } = answer[4] as { readonly status: string; readonly response: unknown }
      assert.strictEqual(status, "ok")
      strictly(reply)(response)
    })
  )

  it("describes a join's reply as it is", () => {
    // The compiler has the last word here.
    const same: (snapshot: Snapshot) => typeof ConversationJoined.Type = (snapshot) => snapshot
    assert.isFunction(same)
  })

  it.effect("names no event that the channels do not know", () =>
    Effect.gen(function* () {
      const socket = yield* open(yield* start())
      for (const [name, { requests }] of [
        [topic(1), conversationEvents],
        [`user:${alice}`, userEvents]
      ] as const) {
        for (const event of Object.keys(requests)) {
          if (event === "phx_leave") continue
          yield* socket.join(name)
          socket.send("1", "2", name, event)
          const answered = yield* socket.frames.next({
            where: (frame) => Array.isArray(frame) && (frame[1] === "2" || frame[3] === "phx_error")
          })
          assert.notInclude(JSON.stringify(answered), "There is no event", event)
          socket.send(null, "3", name, "phx_leave")
          yield* socket.settle()
        }
      }
    })
  )
})
