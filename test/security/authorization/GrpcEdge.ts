/** MessagingService: services act by their own authority, and users have no business there. */
import type { ServiceError } from "@grpc/grpc-js"
import { Effect } from "effect"
import { load } from "../../../proto/Proto.ts"
import type { Action } from "../../../src/domain/Policy.ts"
import type { GrpcClient } from "../../support/GrpcClient.ts"
import type { Call, Edge, Outcome } from "./Edge.ts"
import type { Actor, Place } from "./Places.ts"

const SERVICE = "messaging.MessagingService"

export const make = ({ call: send }: GrpcClient): Edge => {
  const call = (
    action: Action,
    name: "NotifyConversationEvent" | "LinkMediaToMessage" | "GetConversationStats",
    request: (actor: Actor, place: Place) => object,
    more: Partial<Pick<Call, "isSpending">> = {}
  ): Call => ({
    name,
    action,
    ...more,
    perform: (actor, place) =>
      Effect.match(
        send(SERVICE, name, request(actor, place), actor.token === "" ? {} : { token: actor.token }),
        {
          onSuccess: (): Outcome => "ok",
          onFailure: (error): Outcome => String((error as ServiceError).metadata.get("reason")[0])
        }
      )
  })

  const event =
    (event_type: string, user: (actor: Actor, place: Place) => string) => (actor: Actor, place: Place) => ({
      event_type,
      conversation_id: place.id,
      user_id: user(actor, place),
      metadata: event_type === "settings_changed" ? { topic: "x" } : {}
    })

  const calls: ReadonlyArray<Call> = [
    call(
      "add_member",
      "NotifyConversationEvent",
      event("member_added", () => crypto.randomUUID())
    ),
    call(
      "remove_member",
      "NotifyConversationEvent",
      event("member_removed", (actor, place) => place.spare(actor))
    ),
    call(
      "update",
      "NotifyConversationEvent",
      event("settings_changed", () => "")
    ),
    call("change", "LinkMediaToMessage", (actor, place) => ({
      message_id: place.ownMessage(actor),
      media_id: crypto.randomUUID(),
      media_type: "image"
    })),
    call("read", "GetConversationStats", (_, place) => ({ conversation_id: place.id }))
  ]

  const methods = Object.keys(load("messaging.proto")[SERVICE] as object)
  return {
    name: "gRPC",
    calls,
    // It names no conversation: it makes one.
    contract: methods.filter((name) => name !== "NotifyGroupCreation"),
    isForServices: true,
    tellsRules: false
  }
}
