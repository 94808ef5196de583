/** Conversations, the settings of each, and its members. */
import { Schema } from "effect"
import { RpcGroup } from "effect/rpc"
import { ConversationItem, page, pageQuery, SearchConversations } from "../domain/Answers.ts"
import { DeleteScope } from "../domain/ChangeRequests.ts"
import { AddMembers, ChangeRole, CreateConversation, CreateGroup, UpToHere } from "../domain/Commands.ts"
import { ConversationView, MemberView, ReadPosition } from "../domain/Conversation.ts"
import { MemberSettings, UpdateMemberSettings, UpdateSettings } from "../domain/ConversationSettings.ts"
import {
  Conflict,
  ContentRejected,
  Forbidden,
  MessageTooLarge,
  NotFound,
  NotMember,
  Overloaded,
  RateLimited,
  Unavailable,
  UserBlocked
} from "../domain/Errors.ts"
import { ConversationId, UserId } from "../domain/Ids.ts"
import { Metadata } from "../domain/Message.ts"
import { ConversationStatus, StatsMetric } from "../domain/Statuses.ts"
import { Authentication } from "./Authentication.ts"
import { operation } from "./Operation.ts"

const one = { conversation_id: ConversationId }
const One = Schema.Struct(one)
const Items = page(ConversationItem)
const ask = [NotMember, Overloaded, Unavailable] as const
const manage = [Conflict, Forbidden, NotFound, ...ask] as const
const limited = [RateLimited, UserBlocked, ...manage] as const

/** One's own, pinned ones first, then the most recently active. */
export const listConversations = operation("listConversations", {
  input: Schema.Struct({ ...pageQuery, archived: Schema.optionalKey(Schema.Boolean) }),
  success: Items,
  errors: [Unavailable]
})

/** By a part of the name in their metadata, by who is in them, or by both. */
export const searchConversations = operation("searchConversations", {
  input: SearchConversations,
  success: Items,
  errors: [RateLimited, UserBlocked, Unavailable]
})

/** `created` is false where it is one that there was: of the same two, or of the same `external_group_id`. */
export const createConversation = operation("createConversation", {
  input: Schema.Struct({
    ...CreateConversation.fields,
    external_group_id: CreateGroup.fields.external_group_id
  }),
  success: Schema.Struct({ conversation: ConversationView, created: Schema.Boolean }),
  errors: [ContentRejected, Conflict, Forbidden, MessageTooLarge, RateLimited, UserBlocked, ...ask]
})

export const showConversation = operation("showConversation", {
  input: One,
  success: ConversationView,
  errors: ask
})

/** All figures of it, or those of `metrics`. Counting messages is limited like searching. */
export const conversationStatus = operation("conversationStatus", {
  input: Schema.Struct({ ...one, metrics: Schema.optionalKey(Schema.Array(StatsMetric)) }),
  success: ConversationStatus,
  errors: [NotFound, RateLimited, UserBlocked, ...ask]
})

/** Replaces its metadata. */
export const updateConversation = operation("updateConversation", {
  input: Schema.Struct({ ...one, metadata: Metadata }),
  success: ConversationView,
  errors: [ContentRejected, MessageTooLarge, ...limited]
})

/** Changes its settings. What is left out stays as it is. */
export const configureConversation = operation("configureConversation", {
  input: Schema.Struct({ ...one, settings: UpdateSettings }),
  success: ConversationView,
  errors: limited
})

/** Without a scope: of a direct one for oneself, of a group for everyone. */
export const deleteConversation = operation("deleteConversation", {
  input: Schema.Struct({ ...one, scope: Schema.optionalKey(DeleteScope) }),
  success: Schema.Void,
  errors: manage
})

/** When the owner leaves, another member becomes the owner. */
export const leaveConversation = operation("leaveConversation", {
  input: One,
  success: Schema.Void,
  errors: limited
})

export const mySettings = operation("mySettings", { input: One, success: MemberSettings, errors: ask })

/** Mutes, pins, archives for oneself. What is left out stays as it is. */
export const updateMySettings = operation("updateMySettings", {
  input: Schema.Struct({ ...one, settings: UpdateMemberSettings }),
  success: MemberSettings,
  errors: limited
})

const UpTo = Schema.Struct({ ...one, ...UpToHere.fields })

/** Up to a `seq`, to a message, or (without either) to everything there is now. */
export const markAsRead = operation("markAsRead", {
  input: UpTo,
  success: ReadPosition,
  errors: [NotFound, ...ask]
})

export const markAsDelivered = operation("markAsDelivered", {
  input: UpTo,
  success: ReadPosition,
  errors: [NotFound, ...ask]
})

/** Stops by itself after ten seconds. */
export const typing = operation("typing", {
  input: Schema.Struct({ ...one, action: Schema.Literals(["start", "stop"]) }),
  success: Schema.Void,
  errors: [Forbidden, RateLimited, UserBlocked, ...ask]
})

/** In the order of their ids. */
export const listMembers = operation("listMembers", {
  input: Schema.Struct({ ...one, ...pageQuery }),
  success: page(MemberView),
  errors: ask
})

/** Answers those who were no members before. */
export const addMembers = operation("addMembers", {
  input: Schema.Struct({ ...one, ...AddMembers.fields }),
  success: Schema.Array(MemberView),
  errors: limited
})

/** By the owner; whom they make `owner` takes their place. */
export const changeRole = operation("changeRole", {
  input: Schema.Struct({ ...one, user_id: UserId, ...ChangeRole.fields }),
  success: MemberView,
  errors: limited
})

export const removeMember = operation("removeMember", {
  input: Schema.Struct({ ...one, user_id: UserId }),
  success: Schema.Void,
  errors: limited
})

export class ConversationRpcs extends RpcGroup.make(
  listConversations,
  searchConversations,
  createConversation,
  showConversation,
  conversationStatus,
  updateConversation,
  configureConversation,
  deleteConversation,
  leaveConversation,
  mySettings,
  updateMySettings,
  markAsRead,
  markAsDelivered,
  typing,
  listMembers,
  addMembers,
  changeRole,
  removeMember
).middleware(Authentication) {}
