/**
 * Another implementation of a port in the composed service, without composing it anew: what `App.ts` asks here for is
 * taken from here when it is given, and is otherwise its own.
 */
import { Context, Effect, Layer } from "effect"
import type { Admission } from "./domain/ports/Admission.ts"
import type { Broker } from "./domain/ports/Broker.ts"
import type { ContentPolicy } from "./domain/ports/ContentPolicy.ts"
import type { Media } from "./domain/ports/Media.ts"
import type { Notifications } from "./domain/ports/Notifications.ts"
import type { TokenVerifier } from "./domain/ports/TokenVerifier.ts"
import type { UserDirectory } from "./domain/ports/UserDirectory.ts"

/** The ports that are asked for here. Another one's replacement would be ignored: the compiler refuses it. */
export type Replaceable =
  | Admission
  | Broker
  | ContentPolicy
  | Media
  | Notifications
  | TokenVerifier
  | UserDirectory

/** One port's other implementation, by the port's key. */
export interface Replacement {
  readonly key: string
  readonly layer: Layer.Layer<never>
}

const Replacements = Context.Reference<ReadonlyMap<string, Layer.Layer<never>>>(
  "messaging-service/Replacements",
  {
    defaultValue: () => new Map()
  }
)

/** `replace(Media, Layer.succeed(Media, mine))`. */
export const replace = <I extends Replaceable, S>(
  port: Context.Key<I, S>,
  layer: Layer.Layer<NoInfer<I>>
): Replacement => ({
  key: port.key,
  layer: layer as Layer.Layer<never>
})

/** To be provided to the service's Layer. */
export const layer = (replacements: ReadonlyArray<Replacement>) =>
  Layer.succeed(Replacements, new Map(replacements.map(({ key, layer }) => [key, layer])))

/** The port's implementation: the given one, or this. */
export const orElse = <I extends Replaceable, S, A extends I, E, R>(
  port: Context.Key<I, S>,
  layer: Layer.Layer<A, E, R>
): Layer.Layer<A, E, R> =>
  Layer.unwrap(
    Effect.map(Replacements, (given) => (given.get(port.key) as Layer.Layer<A> | undefined) ?? layer)
  )
