import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Notifier from "../../../src/actors/user/Notifier.ts"
import type { Member } from "../../../src/domain/Conversation.ts"
import { defaultMemberSettings } from "../../../src/domain/ConversationSettings.ts"
import { Unavailable } from "../../../src/domain/Errors.ts"
import type { UserId } from "../../../src/domain/Ids.ts"
import type { Message } from "../../../src/domain/Message.ts"
import { Broker, type Publication } from "../../../src/domain/ports/Broker.ts"
import { type MessageNotification, Notifications } from "../../../src/domain/ports/Notifications.ts"
import { UserPreferences } from "../../../src/domain/ports/UserPreferences.ts"
import { messageId, userId } from "../../contract/Fixtures.ts"
import { memberOf, stateOf } from "../../contract/States.ts"

const [alice, bob, carol, dave, erin] = [userId(), userId(), userId(), userId(), userId()]

const state = stateOf([alice, bob, carol, dave].map((userId) => memberOf(userId)))

const message = (fields: Partial<Message> = {}): Message => ({
  id: messageId(),
  conversation_id: state.id,
  seq: 1,
  version_seq: 1,
  sender_id: alice,
  reply_to_id: null,
  message_type: "text",
  content: "x".repeat(200),
  metadata: {},
  client_random: 1,
  sent_at: new Date(0).toISOString(),
  edited_at: null,
  edit_count: 0,
  expires_at: null,
  is_deleted: false,
  is_pinned: false,
  reactions: [],
  attachments: [],
  ...fields
})

/** Bob is connected somewhere, Dave has muted the conversation. */
const make = Effect.fnUntraced(function* (isConfigured = true, capacity = 10) {
  const batches: Array<ReadonlyArray<MessageNotification>> = []
  const published: Array<Publication> = []
  const peer = { isAway: false, attempts: 0 }
  const ports = Layer.mergeAll(
    Layer.mock(Notifications)({
      isConfigured,
      send: (batch) =>
        Effect.suspend(() => {
          peer.attempts++
          if (peer.isAway) return Effect.fail(new Unavailable({ what: "notifications" }))
          batches.push(batch)
          return Effect.void
        })
    }),
    Layer.mock(UserPreferences)({
      notifiable: (_id, users: ReadonlyArray<UserId>) => Effect.succeed(users.filter((id) => id !== dave))
    }),
    Layer.mock(Broker)({
      heard: () => Effect.succeed(new Set([`user:${bob}`])),
      publish: (publication) => void published.push(publication),
      subscribe: () => {},
      unsubscribe: () => {},
      onPublication: () => {},
      onGap: () => {}
    })
  )
  const context = yield* Layer.build(Notifier.layer({ capacity }).pipe(Layer.provide(ports)))
  const notifier = context.mapUnsafe.get(Notifier.Notifier.key) as Notifier.Notifier["Service"]
  yield* Effect.forkChild(notifier.run)
  return { notifier, batches, published, peer }
})

describe("The notifier", () => {
  it.effect("tells of each message once, in batches, those who are not connected and want it", () =>
    Effect.gen(function* () {
      const { batches, notifier } = yield* make()
      const [first, second] = [message(), message({ content: "c2VjcmV0", metadata: { encoding: "base64" } })]
      notifier.committed(state, first)
      notifier.committed(state, second)
      yield* TestClock.adjust("300 millis")
      const told = { conversationId: state.id, senderId: alice, recipientIds: [carol], mentionedIds: [] }
      assert.deepStrictEqual(batches, [
        [
          { ...told, messageId: first.id, messageType: "text", preview: "x".repeat(140) },
          { ...told, messageId: second.id, messageType: "text", preview: "" }
        ]
      ])
    })
  )

  it.effect("tells those who are mentioned on their channel, whoever takes notifications", () =>
    Effect.gen(function* () {
      const { batches, notifier, published } = yield* make(false)
      notifier.committed(state, message())
      assert.strictEqual(notifier.depth(), 0)
      const mention = message({ metadata: { mentions: [bob, alice, userId()] } })
      notifier.committed(state, mention)
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(
        published.map(({ event, payload, topic }) => [topic, event, JSON.parse(payload).message_id]),
        [[`user:${bob}`, "notification", mention.id]]
      )
      assert.deepStrictEqual(batches, [])
    })
  )

  it.effect(
    "tells each of them once, however their ids are written, and none who has muted the conversation",
    () =>
      Effect.gen(function* () {
        const { notifier, published } = yield* make(false)
        yield* TestClock.setTime(1_000_000)
        const muting = (id: UserId, muted_until: string | null): [UserId, Member] => [
          id,
          {
            ...state.members.get(alice)!,
            userId: id,
            settings: { ...defaultMemberSettings, muted: true, muted_until }
          }
        ]
        const until = (time: number) => new Date(time).toISOString()
        const members = new Map([
          ...state.members,
          muting(carol, until(2_000_000)),
          muting(dave, null),
          muting(erin, until(500_000))
        ])
        const mentions = [bob.toUpperCase(), bob, carol, dave, erin]
        notifier.committed({ ...state, members }, message({ metadata: { mentions } }))
        yield* TestClock.adjust("300 millis")
        assert.deepStrictEqual(
          published.map(({ topic }) => topic),
          [`user:${bob}`, `user:${erin}`]
        )
      })
  )

  it.effect("tries again while the peer is away, gives up in the end, and goes on", () =>
    Effect.gen(function* () {
      const { batches, notifier, peer } = yield* make()
      peer.isAway = true
      notifier.committed(state, message())
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual(peer.attempts, 7)
      peer.isAway = false
      notifier.committed(state, message())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(batches.length, 1)
    })
  )

  it.effect("tells of large conversations in calls that a peer takes, however much waits", () =>
    Effect.gen(function* () {
      const { batches, notifier } = yield* make(true, 250)
      const [member] = state.members.values()
      const large = new Map([
        ...state.members,
        ...Array.from({ length: 9_000 }, () => userId()).map(
          (id) => [id, { ...member!, userId: id }] as const
        )
      ])
      for (let i = 0; i < 12; i++) notifier.committed({ ...state, members: large }, message())
      for (let i = 0; i < 150; i++) notifier.committed(state, message())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        batches.map((batch) => batch.length),
        [5, 5, 100, 52]
      )
    })
  )

  it.effect("shows the beginning of a text, and no half of a character", () =>
    Effect.gen(function* () {
      const { batches, notifier } = yield* make()
      notifier.committed(state, message({ content: `${"x".repeat(139)}😀!` }))
      notifier.committed(state, message({ content: `${"x".repeat(138)}😀!` }))
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(
        batches.flat().map(({ preview }) => preview),
        ["x".repeat(139), `${"x".repeat(138)}😀`]
      )
    })
  )

  it.effect("holds no more messages than it may", () =>
    Effect.gen(function* () {
      const { notifier } = yield* make(true, 3)
      for (let i = 0; i < 5; i++) notifier.committed(state, message())
      assert.strictEqual(notifier.depth(), 3)
    })
  )
})
