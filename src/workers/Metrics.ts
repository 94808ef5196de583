/**
 * Takes the measurements that cost a question to somebody else, once a minute, and shows the last answers as gauges.
 * What this process knows by itself is read when metrics are looked at, and is none of this.
 *
 * Every node measures: each has its own `/metrics`, and a gauge that only one of them shows would come and go with it.
 * A measurement that fails is not shown until it succeeds again: an old figure would be taken for the present one.
 */
import { Context, type Duration, Effect, Layer, Metric } from "effect"
import type { Unavailable } from "../domain/Errors.ts"

export interface Measurement {
  readonly id: string
  readonly description: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly measure: Effect.Effect<number, Unavailable>
}

export interface MetricsOptions {
  readonly interval: Duration.Input
  readonly measurements: ReadonlyArray<Measurement>
}

export class Metrics extends Context.Service<
  Metrics,
  {
    /** Works until it is interrupted; the supervision tree runs it. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/workers/Metrics") {}

const ignore = (): void => {}

const make = Effect.fnUntraced(function* ({ interval, measurements }: MetricsOptions) {
  const context = yield* Effect.context<never>()
  const shown = new Map<Measurement, { value: number; readonly hide: () => void }>()
  const hideAll = Effect.sync(() => {
    for (const { hide } of shown.values()) hide()
    shown.clear()
  })

  const show = (measurement: Measurement, value: number): void => {
    const known = shown.get(measurement)
    if (known !== undefined) {
      known.value = value
      return
    }
    const { attributes, description, id } = measurement
    const gauge = Metric.gauge(id, { description, ...(attributes === undefined ? {} : { attributes }) })
    const current = { value, hide: () => registration.remove() }
    const registration = Metric.registerUnsafe(gauge, context, {
      get: () => ({ value: current.value }),
      update: ignore,
      modify: ignore
    })
    shown.set(measurement, current)
  }

  const hide = (measurement: Measurement): void => {
    shown.get(measurement)?.hide()
    shown.delete(measurement)
  }

  const take = (measurement: Measurement) =>
    Effect.match(measurement.measure, {
      onSuccess: (value) => show(measurement, value),
      onFailure: () => hide(measurement)
    })

  return Metrics.of({
    run: Effect.forEach(measurements, take, { concurrency: "unbounded", discard: true }).pipe(
      Effect.andThen(Effect.sleep(interval)),
      Effect.forever,
      Effect.ensuring(hideAll)
    )
  })
})

export const layer = (options: MetricsOptions) => Layer.effect(Metrics, make(options))
