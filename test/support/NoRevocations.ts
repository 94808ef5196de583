/** The TokenRevocations of tests that are not about them: nothing is revoked, nothing was used. */
import { Effect, Layer } from "effect"
import { TokenRevocations } from "../../src/domain/ports/TokenRevocations.ts"

export const noRevocations = TokenRevocations.of({
  check: () => Effect.void,
  confirm: () => Effect.void,
  isKnown: () => false,
  claim: () => Effect.void,
  revoke: () => Effect.void,
  heard: () => {},
  inDoubt: () => {},
  restore: Effect.void
})

export const layer = Layer.succeed(TokenRevocations, noRevocations)
