/** Turns a bearer token into an Identity, or says why not. */
import type { Effect, Redacted } from "effect"
import { Context } from "effect"
import type { Overloaded, TokenRejected, Unavailable } from "../Errors.ts"
import type { Identity } from "../Identity.ts"

export class TokenVerifier extends Context.Service<
  TokenVerifier,
  {
    /**
     * `Unavailable`: the keys cannot be fetched and none that are known fit, or nobody knows whether the token was
     * revoked. Verifying a single-use token uses it.
     */
    readonly verify: (
      token: Redacted.Redacted
    ) => Effect.Effect<Identity, TokenRejected | Overloaded | Unavailable>
  }
>()("messaging-service/domain/ports/TokenVerifier") {}
