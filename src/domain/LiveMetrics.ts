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

/** The metric that `make` makes, whose state is what `stateOf` makes of the value. */
const live =
  <Input, State>(
    make: (
      id: string,
      options: Pick<LiveMetric, "description" | "attributes">
    ) => Metric.Metric<Input, State>,
    stateOf: (value: number) => State
  ) =>
  ({ id, value, ...options }: LiveMetric): Effect.Effect<void, never, Scope.Scope> =>
    Effect.flatMap(Effect.context<never>(), (context) =>
      Effect.acquireRelease(
        Effect.sync(() =>
          Metric.registerUnsafe(make(id, options), context, {
            get: () => stateOf(value()),
            update: ignore,
            modify: ignore
          })
        ),
        (registration) => Effect.sync(() => registration.remove())
      )
    ).pipe(Effect.asVoid)

/** What goes up and down. */
export const gauge = live(
  (id, options) => Metric.gauge(id, options),
  (value) => ({ value })
)

/** What only goes up. */
export const counter = live(
  (id, options) => Metric.counter(id, { ...options, incremental: true }),
  (count) => ({ count, incremental: true })
)
