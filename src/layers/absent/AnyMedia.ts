/** `Media` where no media service is configured: whatever clients attach is taken as it is. */
import { Effect, Layer } from "effect"
import { Media } from "../../domain/ports/Media.ts"

export const layer = Layer.succeed(Media, Media.of({ check: () => Effect.void, linked: () => Effect.void }))
