/** `UserDirectory` where no user service is configured: the rules of the conversation are all there is. */
import { Effect, Layer } from "effect"
import { UserDirectory } from "../../domain/ports/UserDirectory.ts"

export const layer = Layer.succeed(
  UserDirectory,
  UserDirectory.of({
    maySend: () => undefined,
    mayJoin: () => Effect.void,
    mayInvite: () => Effect.void
  })
)
