/** Counts the fibers that run an effect, and all that they start: what must be zero again when a tree is gone. */
import { Effect, Metric } from "effect"

export interface LiveFibers {
  readonly count: () => number
  /** Runs an effect, counting its fiber and every fiber started in its context. */
  readonly counting: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export const liveFibers = (): LiveFibers => {
  let live = 0
  const service: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => {
      live++
    },
    recordFiberEnd: () => {
      live--
    }
  }
  return {
    count: () => live,
    // A fiber of its own, so that start and end are both seen.
    counting: (effect) =>
      effect.pipe(
        Effect.forkChild({ startImmediately: true }),
        Effect.flatMap((fiber) =>
          Effect.callback<typeof fiber>(
            (resume) => void fiber.addObserver(() => resume(Effect.succeed(fiber)))
          )
        ),
        Effect.flatMap((fiber) => fiber.pollUnsafe()!),
        Effect.provideService(Metric.FiberRuntimeMetrics, service)
      )
  }
}
