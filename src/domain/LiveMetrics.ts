/**
 * Metrics that nobody updates: they are read from what they measure when metrics are looked at, so that measuring costs
 * nothing on a hot path. Shown for as long as the scope lasts.
 */
import { Effect, Metric, type Scope } from "effect"

const ignore = (): void => {}

export interface LiveMetric {
  readonly id: string
  readonly description: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly value: () => number
}

const shown = (register: (context: Parameters<typeof Metric.registerUnsafe>[1]) => { remove: () => void }) =>
  Effect.flatMap(Effect.context<never>(), (context) =>
    Effect.acquireRelease(
      Effect.sync(() => register(context)),
      (registration) => Effect.sync(() => registration.remove())
    )
  ).pipe(Effect.asVoid)

/** What goes up and down. */
export const gauge = ({
  attributes,
  description,
  id,
  value
}: LiveMetric): Effect.Effect<void, never, Scope.Scope> =>
  shown((context) =>
    Metric.registerUnsafe(
      Metric.gauge(id, { description, ...(attributes === undefined ? {} : { attributes }) }),
      context,
      { get: () => ({ value: value() }), update: ignore, modify: ignore }
    )
  )

/** What only goes up. */
export const counter = ({
  attributes,
  description,
  id,
  value
}: LiveMetric): Effect.Effect<void, never, Scope.Scope> =>
  shown((context) =>
    Metric.registerUnsafe(
      Metric.counter(id, {
        description,
        incremental: true,
        ...(attributes === undefined ? {} : { attributes })
      }),
      context,
      { get: () => ({ count: value(), incremental: true }), update: ignore, modify: ignore }
    )
  )
