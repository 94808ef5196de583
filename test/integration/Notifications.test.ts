/** Who is notified of a message, against the composed service with a recorder in the place of the notification peer. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type MessageNotification, Notifications } from "../../src/domain/ports/Notifications.ts"
import * as TestApp from "../../src/testing/TestApp.ts"
import { Inbox } from "../support/Inbox.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import { RestClient } from "../support/RestClient.ts"

const taken = new Inbox<MessageNotification>("notifications")

const recorder = Layer.succeed(Notifications, {
  isConfigured: true,
  send: (notifications) =>
    Effect.sync(() => {
      for (const notification of notifications) taken.put(notification)
    })
})

const app = TestApp.layer({ replace: [TestApp.replace(Notifications, recorder)] })

layer(app, { excludeTestServices: true, timeout: "60 seconds" })("Notifications", (it) => {
  it.effect("reach those of whom no device is connected, once, unless they want none", () =>
    Effect.gen(function* () {
      const { token, url, wsUrl } = yield* TestApp.TestApp
      const [alice, bob, carol, dave] = [yield* token(), yield* token(), yield* token(), yield* token()]
      const rest = new RestClient(url, alice.token)
      yield* new RestClient(url, dave.token).ok("PATCH", "/api/v1/me/preferences", { notifications: false })
      const { id } = yield* rest.ok<{ readonly id: string }>("POST", "/api/v1/conversations", {
        type: "group",
        member_ids: [bob.user_id, carol.user_id, dave.user_id]
      })
      const say = (client_random: number, metadata: object = {}) =>
        rest.ok<{ readonly id: string }>("POST", `/api/v1/conversations/${id}/messages`, {
          content: `message ${client_random}`,
          client_random,
          metadata
        })
      // Bob's connection has joined his channel alone, and shows it to nobody.
      const client = yield* PhoenixClient.connect({ url: wsUrl, params: { token: bob.token } })
      const own = yield* client.join(`user:${bob.user_id}`, { presence: false })

      const first = yield* say(1, { mentions: [bob.user_id, carol.user_id] })
      assert.deepStrictEqual(yield* taken.next(), {
        messageId: first.id,
        conversationId: id,
        senderId: alice.user_id,
        recipientIds: [carol.user_id],
        mentionedIds: [carol.user_id],
        messageType: "text",
        preview: "message 1"
      } as never)
      assert.deepInclude(yield* own.next<object>("notification"), { kind: "mention", message_id: first.id })

      // A retry is no second message; and who has left is away.
      yield* say(1)
      yield* client.disconnect
      yield* Effect.gen(function* () {
        for (let i = 2; ; i++) {
          const { id: sent } = yield* say(i)
          const notification = yield* taken.next()
          assert.strictEqual(notification.messageId, sent)
          if (notification.recipientIds.length === 2) return
          assert.deepStrictEqual(notification.recipientIds, [carol.user_id] as never)
        }
      })
      assert.strictEqual(own.received("notification").length, 1)
    })
  )
})
