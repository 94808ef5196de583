import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { status } from "@grpc/grpc-js"
import { Duration, Effect, References } from "effect"
import { ConversationId, MessageId, UserId } from "../../../src/domain/Ids.ts"
import { Notifications } from "../../../src/domain/ports/Notifications.ts"
import { layer } from "../../../src/layers/grpc/GrpcNotifications.ts"
import * as FakePeer from "../../support/FakePeer.ts"

const [alice, bob, carol] = [randomUUID(), randomUUID(), randomUUID()].map((id) => UserId.make(id)) as [
  UserId,
  UserId,
  UserId
]

const notification = {
  messageId: MessageId.make(randomUUID()),
  conversationId: ConversationId.make(randomUUID()),
  senderId: alice,
  recipientIds: [bob, carol],
  mentionedIds: [carol],
  messageType: "text",
  preview: "hello"
} as const

/** The peer, and what a notification comes to with it. */
const make = Effect.gen(function* () {
  const fake = yield* FakePeer.make("notification.NotificationService")
  const options = {
    url: fake.url,
    files: { ca: undefined, cert: undefined, key: undefined },
    timeout: Duration.seconds(5),
    maxCalls: 10
  }
  const send = Effect.flatMap(Notifications, ({ send }) => send([notification])).pipe(
    Effect.provide(layer(options)),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
  return { fake, send }
})

describe("GrpcNotifications", () => {
  it.live("tells of all messages in one call, of mentions with more urgency", () =>
    Effect.gen(function* () {
      const { fake, send } = yield* make
      yield* send
      assert.lengthOf(fake.asked, 1)
      const of = {
        message_id: notification.messageId,
        conversation_id: notification.conversationId,
        sender_id: alice,
        message_type: "text",
        preview_text: "hello",
        metadata: {},
        silent: false
      }
      assert.deepStrictEqual(fake.asked[0], {
        method: "SendBulkNotifications",
        request: {
          notifications: [
            { ...of, recipient_ids: [carol], priority: "HIGH" },
            { ...of, recipient_ids: [bob], priority: "NORMAL" }
          ],
          fail_on_error: false,
          batch_size: 2
        }
      })
    })
  )

  it.live("does not tell again what the peer refuses, or has in part delivered", () =>
    Effect.gen(function* () {
      const { fake, send } = yield* make
      for (const answer of [{ refuse: status.INVALID_ARGUMENT }, { total_sent: 1, total_failed: 1 }]) {
        fake.behave(() => answer)
        yield* send
      }
      assert.lengthOf(fake.asked, 2)
    })
  )

  it.live("leaves it to who sends when the peer cannot be reached", () =>
    Effect.gen(function* () {
      const { fake, send } = yield* make
      fake.behave(() => ({ refuse: status.UNAVAILABLE }))
      assert.strictEqual((yield* Effect.flip(send))._tag, "Unavailable")
      assert.lengthOf(fake.asked, 1)
    })
  )
})
