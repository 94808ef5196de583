/** Connect tickets of a single node. They do not survive a restart; a client then gets another one. */
import { randomBytes } from "node:crypto"
import { Clock, Effect, Layer, Redacted } from "effect"
import { Overloaded, TokenRejected } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import { ConnectTickets, TICKET_LIFETIME } from "../../domain/ports/ConnectTickets.ts"

/** Tickets out at the same time. */
const CAPACITY = 100_000

interface Issued {
  readonly expiresAt: number
  /** `undefined` once it is used. */
  identity: Identity | undefined
}

export const layer = Layer.sync(ConnectTickets, () => {
  // Oldest first, since all live equally long.
  const issued = new Map<string, Issued>()

  const forgetExpired = (now: number): void => {
    for (const [ticket, { expiresAt }] of issued) {
      if (expiresAt > now) return
      issued.delete(ticket)
    }
  }

  return ConnectTickets.of({
    issue: Effect.fnUntraced(function* (identity) {
      const now = yield* Clock.currentTimeMillis
      forgetExpired(now)
      if (issued.size >= CAPACITY) return yield* new Overloaded({ what: "tickets" })
      const ticket = randomBytes(24).toString("base64url")
      const expiresAt = Math.min(now + TICKET_LIFETIME, identity.expiresAt)
      issued.set(ticket, { expiresAt, identity })
      return { ticket: Redacted.make(ticket), expiresAt }
    }),
    redeem: Effect.fnUntraced(function* (ticket) {
      const found = issued.get(Redacted.value(ticket))
      const now = yield* Clock.currentTimeMillis
      if (found === undefined || found.expiresAt <= now)
        return yield* new TokenRejected({ reason: "expired" })
      const { identity } = found
      found.identity = undefined
      return identity ?? (yield* new TokenRejected({ reason: "replayed" }))
    })
  })
})
