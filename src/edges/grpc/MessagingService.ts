/** `messaging.MessagingService` of proto/messaging.proto, served by the application service for peers. */
import type { handleUnaryCall } from "@grpc/grpc-js"
import { Clock, Effect } from "effect"
import type { Services } from "../../../proto/Contracts.ts"
import { Conversations } from "../../actors/conversation/Conversations.ts"
import { PeerConversations } from "../../actors/conversation/PeerConversations.ts"
import { MAX_MEMBERS } from "../../domain/Conversation.ts"
import { decoderEffect } from "../../domain/Decode.ts"
import * as Commands from "../../domain/PeerCommands.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import * as Calls from "./Calls.ts"

export const NAME = "messaging.MessagingService"

type Contract = Services[typeof NAME]
type Implementation = {
  readonly [M in keyof Contract]: handleUnaryCall<unknown, Contract[M]["response"]>
}

const decodeEvent = decoderEffect(Commands.ConversationEvent)
const decodeLink = decoderEffect(Commands.MediaLink)
const decodeStats = decoderEffect(Commands.ConversationStats)
const decodeGroup = decoderEffect(Commands.GroupCreation, MAX_MEMBERS)

export const make = Effect.fnUntraced(function* (options: Calls.CallOptions) {
  const peers = yield* PeerConversations
  const conversations = yield* Conversations
  const { unary } = yield* Calls.make(options)

  const implementation: Implementation = {
    NotifyConversationEvent: unary({
      decode: decodeEvent,
      handle: Effect.fnUntraced(function* (event, peer) {
        const event_id = newId()
        const isNew = yield* peers.apply(peer, event)
        yield* Effect.logInfo(`${event.event_type} applied`, {
          event_id,
          conversation_id: event.conversation_id,
          happened_at: event.timestamp,
          is_new: isNew
        })
        return { success: true, message: isNew ? "applied" : "already so", event_id }
      })
    }),

    LinkMediaToMessage: unary({
      decode: decodeLink,
      handle: Effect.fnUntraced(function* ({ message_id, ...attachment }) {
        const { attachments } = yield* conversations.linkMedia(message_id, attachment)
        const link = attachments.find(({ media_id }) => media_id === attachment.media_id)
        return { success: true, message: "attached", link_id: link?.id ?? "" }
      })
    }),

    GetConversationStats: unary({
      decode: decodeStats,
      handle: Effect.fnUntraced(function* (request) {
        const stats = yield* peers.stats(request)
        return { success: true, stats, last_updated: yield* Clock.currentTimeMillis }
      })
    }),

    NotifyGroupCreation: unary({
      decode: decodeGroup,
      handle: Effect.fnUntraced(function* (group) {
        const { created, id } = yield* peers.createGroup(group)
        return { success: true, message: created ? "created" : "exists already", conversation_id: id }
      })
    })
  }
  return implementation
})
