/** The stream of a conversation's events. */
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { ConversationEvent, StreamEnded } from "../domain/ConversationEvent.ts"
import {
  Forbidden,
  InvalidInput,
  NotMember,
  Overloaded,
  RateLimited,
  TokenRejected,
  Unavailable,
  UserBlocked
} from "../domain/Errors.ts"
import { ConversationId } from "../domain/Ids.ts"
import { Position } from "../domain/Message.ts"
import { Authentication } from "./Authentication.ts"

export const StreamRefusal = Schema.Union([
  InvalidInput,
  NotMember,
  Forbidden,
  UserBlocked,
  Overloaded,
  RateLimited,
  Unavailable,
  TokenRejected,
  StreamEnded
])
export type StreamRefusal = typeof StreamRefusal.Type

export const FollowConversation = Schema.Struct({
  conversation_id: ConversationId,
  last_seq: Schema.optionalKey(Position)
})

/**
 * Begins with a snapshot. With `last_seq` it holds what has changed since, in the order of `version_seq`; should that be
 * too much for one, further snapshots follow before the first event. `NotMember` ends it when the caller's membership or
 * the conversation ends, `TokenRejected` when the token does.
 */
export const conversationEvents = Rpc.make("conversationEvents", {
  payload: Schema.Unknown as unknown as Schema.Codec<typeof FollowConversation.Encoded, unknown>,
  success: ConversationEvent,
  error: StreamRefusal,
  stream: true
})

export class EventRpcs extends RpcGroup.make(conversationEvents).middleware(Authentication) {}
