/**
 * The Notifications of the notification service, over gRPC: one bulk call for as many messages as there are. What was
 * not taken is not tried again here, since a second try might tell people twice of what the peer had taken; who sends
 * decides. A mention is urgent, everything else is not.
 */
import { Context, Effect, Layer } from "effect"
import type { MessageNotificationRequest, NotificationPriority } from "../../../proto/Contracts.ts"
import type { UserId } from "../../domain/Ids.ts"
import { type MessageNotification, Notifications } from "../../domain/ports/Notifications.ts"
import * as Peer from "./Peer.ts"

/** The connection to the notification service, for the supervision tree and the health check. */
export class NotificationPeer extends Context.Service<
  NotificationPeer,
  Peer.Peer<"notification.NotificationService">
>()("messaging-service/layers/grpc/NotificationPeer") {}

const requestOf = (
  { conversationId, messageId, messageType, preview, senderId }: MessageNotification,
  recipient_ids: ReadonlyArray<UserId>,
  priority: NotificationPriority
): MessageNotificationRequest => ({
  message_id: messageId,
  conversation_id: conversationId,
  sender_id: senderId,
  recipient_ids,
  message_type: messageType,
  preview_text: preview,
  metadata: {},
  priority,
  silent: false
})

const requestsOf = (notification: MessageNotification): ReadonlyArray<MessageNotificationRequest> => {
  const { mentionedIds, recipientIds } = notification
  const others = recipientIds.filter((id) => !mentionedIds.includes(id))
  return [
    ...(mentionedIds.length === 0 ? [] : [requestOf(notification, mentionedIds, "HIGH")]),
    ...(others.length === 0 ? [] : [requestOf(notification, others, "NORMAL")])
  ]
}

const make = Effect.fnUntraced(function* (options: Peer.PeerOptions) {
  const peer = yield* Peer.make(
    "notification.NotificationService",
    "notification.proto",
    "notification service",
    options
  )

  const send: Notifications["Service"]["send"] = Effect.fnUntraced(
    function* (messages) {
      const notifications = messages.flatMap(requestsOf)
      const { total_failed } = yield* peer.call(
        "SendBulkNotifications",
        { notifications, fail_on_error: false, batch_size: notifications.length },
        { idempotent: false }
      )
      if (total_failed > 0) yield* Effect.logWarning(`${total_failed} notifications were not delivered`)
    },
    Effect.catchTag("PeerRefused", (error) => Effect.logWarning("The notification service refused", error))
  )

  return Context.make(Notifications, Notifications.of({ isConfigured: true, send })).pipe(
    Context.add(NotificationPeer, peer)
  )
})

export const layer = (options: Peer.PeerOptions) => Layer.effectContext(make(options))
