/**
 * Single-use tickets to connect a socket with, for clients that would rather not put a token into a URL: one is got
 * over REST with the token, and is good once, for 30 seconds, on any node.
 */
import type { Effect, Redacted } from "effect"
import { Context } from "effect"
import type { Overloaded, TokenRejected, Unavailable } from "../Errors.ts"
import type { Identity } from "../Identity.ts"

/** Milliseconds. */
export const TICKET_LIFETIME = 30_000

export interface Ticket {
  readonly ticket: Redacted.Redacted
  /** Unix ms. */
  readonly expiresAt: number
}

export class ConnectTickets extends Context.Service<
  ConnectTickets,
  {
    readonly issue: (identity: Identity) => Effect.Effect<Ticket, Overloaded | Unavailable>
    /**
     * Whose ticket it is, for exactly one of those who ask. `replayed`: it was used already; `expired`: it is too old,
     * or never was; the identity's own token having expired meanwhile counts as `expired` too.
     */
    readonly redeem: (ticket: Redacted.Redacted) => Effect.Effect<Identity, TokenRejected | Unavailable>
  }
>()("messaging-service/domain/ports/ConnectTickets") {}
