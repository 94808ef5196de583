/** Where no notification service is configured: nobody is notified, and nothing is looked up to find out whom to notify. */
import { Effect, Layer } from "effect"
import { Notifications } from "../../domain/ports/Notifications.ts"

export const layer = Layer.succeed(Notifications, { isConfigured: false, send: () => Effect.void })
