/**
 * A connection that outlives its token: told when that expires soon (`token_expiring`), it goes on with a newer one
 * (`refresh_token`), of the same user and device. What is not believed leaves it with the token it has, and counts as a
 * bad token does that a connection is begun with.
 */
import { Effect, Redacted } from "effect"
import { Forbidden, type Refusal } from "../../domain/Errors.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { TokenVerifier } from "../../domain/ports/TokenVerifier.ts"
import type { ChannelHost } from "./Channel.ts"
import { shownAt } from "./ShownTokens.ts"

/** The payload of `token_expiring`, as JSON text. */
export const expiringPayload = (seconds: number): string => JSON.stringify({ expires_in: seconds })

export type RefreshToken = (
  host: ChannelHost,
  token: string
) => Effect.Effect<{ readonly expires_at: string }, Refusal>

export const make = Effect.gen(function* () {
  const verifier = yield* TokenVerifier
  const audit = yield* AuditLog
  const admission = yield* Admission
  return Effect.fnUntraced(function* (host, token) {
    const { address } = host
    const shown = verifier.verify(Redacted.make(token))
    // Of an address a session knows no more than limits count it by.
    const newer = yield* shownAt({ audit, admission }, { address, source: address }, shown)
    const { identity } = host.caller
    if (newer.userId !== identity.userId || newer.deviceId !== identity.deviceId)
      return yield* new Forbidden({ rule: "token:same_user_and_device" })
    host.goOnAs(newer)
    return { expires_at: new Date(newer.expiresAt).toISOString() }
  }) satisfies RefreshToken
})
