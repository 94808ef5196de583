/**
 * Every way this service refuses, one class each, carrying what the caller needs to act on it. How a refusal
 * looks on a channel, over HTTP or over gRPC is not decided here but in `Refusal.ts`, in one table for all edges.
 */
import { Schema } from "effect"

/** Why a token was not believed. `replayed`: a single-use token or ticket came a second time. */
export const TokenFault = Schema.Literals([
  "missing",
  "malformed",
  "expired",
  "signature",
  "unknown_key",
  "claims",
  "revoked",
  "replayed"
])
export type TokenFault = typeof TokenFault.Type

export class TokenRejected extends Schema.TaggedError<TokenRejected>()("TokenRejected", {
  reason: TokenFault
}) {}

/** The caller is not a member; also the answer where telling "not found" apart would leak that a thing exists. */
export class NotMember extends Schema.TaggedError<NotMember>()("NotMember", {}) {}

/** A member whose role or situation does not allow this. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  rule: Schema.String
}) {}

/** Temporarily blocked for suspicious behaviour, until `until` (Unix ms). */
export class UserBlocked extends Schema.TaggedError<UserBlocked>()("UserBlocked", {
  until: Schema.Number
}) {}

export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {
  what: Schema.String
}) {}

/** One wrong field of an input: where, and what was expected of it. */
export const Issue = Schema.Struct({ path: Schema.String, message: Schema.String })
export type Issue = typeof Issue.Type

export class InvalidInput extends Schema.TaggedError<InvalidInput>()("InvalidInput", {
  issues: Schema.Array(Issue)
}) {}

/** Cursors are opaque: whoever has one that we did not give cannot do better than to leave it out. */
export const foreignCursor = new InvalidInput({
  issues: [{ path: "cursor", message: "This cursor is not one of ours" }]
})

/** Refused by a rule of the content policy; `rule` is the rule's name, never the matched text. */
export class ContentRejected extends Schema.TaggedError<ContentRejected>()("ContentRejected", {
  rule: Schema.String
}) {}

/** `limit` in bytes. */
export class MessageTooLarge extends Schema.TaggedError<MessageTooLarge>()("MessageTooLarge", {
  limit: Schema.Number
}) {}

/** `limit` in each window of `windowMs`, where there is such a window. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  scope: Schema.String,
  limit: Schema.Number,
  windowMs: Schema.optional(Schema.Number),
  retryAfterMs: Schema.Number
}) {}

/** The request contradicts the present state, for instance an edit of a version that is no longer the newest. */
export class Conflict extends Schema.TaggedError<Conflict>()("Conflict", {
  what: Schema.String
}) {}

/** A bounded mailbox, queue or pool is full. Nothing was done; try again after a moment. */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", {
  what: Schema.String
}) {}

/** Something this request needs (database, Redis, a peer) does not answer. Nothing was acknowledged. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  what: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/** All that a well-formed request can be answered with, other than success. */
export const Refusal = Schema.Union([
  TokenRejected,
  NotMember,
  Forbidden,
  UserBlocked,
  NotFound,
  InvalidInput,
  ContentRejected,
  MessageTooLarge,
  RateLimited,
  Conflict,
  Overloaded,
  Unavailable
])
export type Refusal = typeof Refusal.Type
