/**
 * What happened that a security review must be able to find: who, what, to whom, when, from where, with which outcome.
 * Entries are only ever appended, each sealed with the hash of the one before it, so that a changed, missing or
 * moved entry is found out.
 *
 * Never the content of a message, a token or a secret: an entry holds ids, an address, and short facts.
 */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { UserId } from "../Ids.ts"

/** What is on record. `noun.verb`, the verb in the past. */
export const AuditAction = Schema.Literals([
  "token.refused",
  "token.revoked",
  "session.revoked",
  "device.revoked",
  "user.blocked",
  "user.unblocked",
  "user.reported",
  "conversation.deleted",
  "member.added",
  "member.removed",
  "member.role_changed",
  "message.deleted",
  "content.rejected",
  "content.flagged",
  "admin.refused",
  "admin.read",
  "admin.changed",
  "audit.overflowed"
])
export type AuditAction = typeof AuditAction.Type

export const AuditTarget = Schema.Struct({
  type: Schema.Literals(["user", "conversation", "message", "session", "device", "token", "address", "path"]),
  id: Schema.String
})
export type AuditTarget = typeof AuditTarget.Type

/** Short facts: numbers, flags, names of rules. Longer text is cut. */
export type AuditDetails = Readonly<Record<string, string | number | boolean>>

export interface AuditEvent {
  readonly action: AuditAction
  /** The verified user who did it; left out where there is none. */
  readonly actor?: UserId | undefined
  /** Several, where one act concerned several. */
  readonly targets?: ReadonlyArray<AuditTarget>
  /** Whether it was done. */
  readonly outcome: "done" | "refused"
  /** The client's address. */
  readonly address?: string | undefined
  readonly details?: AuditDetails
}

/** An event as it stands on record. */
export interface AuditEntry extends AuditEvent {
  /** 1, 2, 3, … without gaps. */
  readonly seq: number
  /** Unix ms. */
  readonly at: number
  /** The seal of this entry and all before it, in hexadecimal. */
  readonly hash: string
}

export interface AuditQuery {
  /** Only entries before this one. */
  readonly beforeSeq?: number | undefined
  readonly actor?: UserId | undefined
  readonly action?: AuditAction | undefined
  readonly limit: number
}

export class AuditLog extends Context.Service<
  AuditLog,
  {
    /**
     * Puts an event on its way to the record, at once and without waiting: for what is observed and for what has been
     * done. It waits out an outage of the database in memory, up to a bound; what comes past the bound is counted,
     * and the count is on record (`audit.overflowed`) as soon as anything can be again.
     */
    readonly note: (event: AuditEvent) => void
    /**
     * Ends when the event is on record: for what must not be done without. `Unavailable`: it is not certain to be, so
     * do not do it.
     */
    readonly record: (event: AuditEvent) => Effect.Effect<void, Unavailable>
    /** Newest first. */
    readonly read: (query: AuditQuery) => Effect.Effect<ReadonlyArray<AuditEntry>, Unavailable>
  }
>()("messaging-service/domain/ports/AuditLog") {}
