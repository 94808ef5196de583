/**
 * What a token meets wherever it is shown: at every edge, and on a socket that is to go on with it. An address that has
 * shown too many bad ones is not listened to; a token that was not believed goes on record, and counts against the address
 * it came from. That there was none says nothing; and one that has expired, or was revoked, was good once, which no guess
 * is: the device that was signed out comes back with it again and again, and those who share its address are not to be shut
 * out for that.
 */
import { Effect } from "effect"
import type { RateLimited, Refusal, UserBlocked } from "../../domain/Errors.ts"
import type { Admission } from "../../domain/ports/Admission.ts"
import type { AuditLog } from "../../domain/ports/AuditLog.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"

const WAS_GOOD: ReadonlySet<string> = new Set(["expired", "revoked"])

interface Services {
  readonly audit: AuditLog["Service"]
  readonly admission: Admission["Service"]
}

/** Where it was shown: the client's address, and what limits count it by. */
export interface Place {
  readonly address: string
  readonly source: string
}

const noteRefusedToken = (
  { admission, audit }: Services,
  refusal: Refusal,
  { address, source }: Place
): void => {
  if (refusal._tag !== "TokenRejected" || refusal.reason === "missing") return
  audit.note({ action: "token.refused", outcome: "refused", address, details: { reason: refusal.reason } })
  if (!WAS_GOOD.has(refusal.reason)) admission.distrust(source)
}

/** The verification of a token, if one may still be shown at this place. */
export const shownAt = <A, E extends Refusal>(
  services: Services,
  place: Place,
  verification: Effect.Effect<A, E>
): Effect.Effect<A, E | RateLimited | UserBlocked> =>
  Effect.andThen(
    Effect.suspend(() => wait(services.admission.arrival(place.source))),
    Effect.tapError(verification, (refused) => Effect.sync(() => noteRefusedToken(services, refused, place)))
  )
