/**
 * A connection that outlives its token: told when that expires soon (`token_expiring`), it goes on with a newer one
 * (`refresh_token`), of the same user and device. What is not believed leaves it with the token it has.
 */
import { Effect, Redacted } from "effect"
import { Forbidden, type Refusal } from "../../domain/Errors.ts"
import { TokenVerifier } from "../../domain/ports/TokenVerifier.ts"
import type { ChannelHost } from "./Channel.ts"

/** The payload of `token_expiring`, as JSON text. */
export const expiringPayload = (seconds: number): string => JSON.stringify({ expires_in: seconds })

export type RefreshToken = (
  host: ChannelHost,
  token: string
) => Effect.Effect<{ readonly expires_at: string }, Refusal>

export const make = Effect.map(
  TokenVerifier,
  (verifier): RefreshToken =>
    Effect.fnUntraced(function* (host, token) {
      const newer = yield* verifier.verify(Redacted.make(token))
      const { identity } = host.caller
      if (newer.userId !== identity.userId || newer.deviceId !== identity.deviceId)
        return yield* new Forbidden({ rule: "token:same_user_and_device" })
      host.goOnAs(newer)
      return { expires_at: new Date(newer.expiresAt).toISOString() }
    })
)
