/** What is one's own across conversations: status, preferences, drafts, sessions and devices, reports. */
import { Schema } from "effect"
import { RpcGroup } from "effect/rpc"
import {
  ConnectedDevice,
  ConnectedSession,
  listOf,
  MyStatus,
  Positions,
  page,
  pageQuery,
  SocketTicket
} from "../domain/Answers.ts"
import { MarkAllRead } from "../domain/Commands.ts"
import { Draft, SaveDraft } from "../domain/Draft.ts"
import {
  Conflict,
  NotFound,
  NotMember,
  Overloaded,
  RateLimited,
  Unavailable,
  UserBlocked
} from "../domain/Errors.ts"
import { ConversationId, DeviceId, SessionId, UserId } from "../domain/Ids.ts"
import { Preferences, UpdatePreferences } from "../domain/Preferences.ts"
import { Unread } from "../domain/ports/SyncStore.ts"
import { NewReport, Report } from "../domain/Report.ts"
import { UserPresence } from "../domain/UserPresence.ts"
import { Authentication } from "./Authentication.ts"
import { Nothing, operation } from "./Operation.ts"

const one = { conversation_id: ConversationId }
const ask = [NotMember, Overloaded, Unavailable] as const

export const myStatus = operation("myStatus", { input: Nothing, success: MyStatus, errors: [Unavailable] })

/** The most recently active conversations first. Each counts up to a thousand messages. */
export const unread = operation("unread", { input: Nothing, success: Unread, errors: [Unavailable] })

/** Answers one's positions; of a conversation that one is no member of, none. */
export const markAllRead = operation("markAllRead", {
  input: MarkAllRead,
  success: Positions,
  errors: [Overloaded, Unavailable]
})

export const preferences = operation("preferences", {
  input: Nothing,
  success: Preferences,
  errors: [Unavailable]
})

/** What is left out stays as it is. */
export const updatePreferences = operation("updatePreferences", {
  input: UpdatePreferences,
  success: Preferences,
  errors: [RateLimited, UserBlocked, Unavailable]
})

/** Users that one asks about at once. */
const MAX_USERS = 100

/** Who of these is there; those one shares no conversation with are left out. */
export const presence = operation("presence", {
  input: Schema.Struct({
    user_ids: Schema.Array(UserId).pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(MAX_USERS)))
  }),
  success: Schema.Array(UserPresence),
  errors: [RateLimited, UserBlocked, Unavailable]
})

/** The latest first. */
export const listDrafts = operation("listDrafts", {
  input: Schema.Struct(pageQuery),
  success: page(Draft),
  errors: [Unavailable]
})

export const showDraft = operation("showDraft", {
  input: Schema.Struct(one),
  success: Draft,
  errors: [NotFound, ...ask]
})

/** Replaces the one before. */
export const saveDraft = operation("saveDraft", {
  input: Schema.Struct({ ...one, ...SaveDraft.fields }),
  success: Draft,
  errors: [Conflict, RateLimited, UserBlocked, ...ask]
})

export const removeDraft = operation("removeDraft", {
  input: Schema.Struct(one),
  success: Schema.Void,
  errors: [Unavailable]
})

/** One's open connections, on all nodes, oldest first. */
export const listSessions = operation("listSessions", {
  input: Nothing,
  success: listOf(ConnectedSession),
  errors: [Unavailable]
})

/** Revokes the token it goes on with, and so closes all connections that were opened with that token. */
export const endSession = operation("endSession", {
  input: Schema.Struct({ session_id: SessionId }),
  success: Schema.Void,
  errors: [NotFound, Overloaded, Unavailable]
})

/** Revokes all that was issued until now, the caller's own token included. */
export const endAllSessions = operation("endAllSessions", {
  input: Nothing,
  success: Schema.Void,
  errors: [Overloaded, Unavailable]
})

export const listDevices = operation("listDevices", {
  input: Nothing,
  success: listOf(ConnectedDevice),
  errors: [Unavailable]
})

/** Revokes what it was issued until now, whether it is connected or not. */
export const endDevice = operation("endDevice", {
  input: Schema.Struct({ device_id: DeviceId }),
  success: Schema.Void,
  errors: [RateLimited, Overloaded, Unavailable]
})

/** Good once, for 30 seconds, on any node, in a connection's parameter `ticket`. */
export const createSocketTicket = operation("createSocketTicket", {
  input: Nothing,
  success: SocketTicket,
  errors: [Overloaded, Unavailable]
})

/** To those who run the service; of what one can see. */
export const report = operation("report", {
  input: NewReport,
  success: Report,
  errors: [NotFound, RateLimited, UserBlocked, Overloaded, Unavailable]
})

export class MeRpcs extends RpcGroup.make(
  myStatus,
  unread,
  markAllRead,
  preferences,
  updatePreferences,
  presence,
  listDrafts,
  showDraft,
  saveDraft,
  removeDraft,
  listSessions,
  endSession,
  endAllSessions,
  listDevices,
  endDevice,
  createSocketTicket,
  report
).middleware(Authentication) {}
