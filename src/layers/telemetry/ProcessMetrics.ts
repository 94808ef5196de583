/** What this process costs, read when metrics are looked at. */
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import { Effect, Layer } from "effect"
import * as LiveMetrics from "../../domain/LiveMetrics.ts"

const RESOLUTION = 20

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const delay = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
        histogram.enable()
        return histogram
      }),
      (histogram) => Effect.sync(() => histogram.disable())
    )
    yield* LiveMetrics.gauge({
      id: "process_event_loop_delay_p99_ms",
      description: "99th percentile of how late timers were since this was last looked at",
      value: () => {
        const late = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION)
        delay.reset()
        return late
      }
    })
    let before = performance.eventLoopUtilization()
    yield* LiveMetrics.gauge({
      id: "process_event_loop_utilization",
      description: "Part of the time since this was last looked at in which the event loop was busy",
      value: () => {
        const { utilization } = performance.eventLoopUtilization(before)
        before = performance.eventLoopUtilization()
        return utilization
      }
    })
    yield* LiveMetrics.gauge({
      id: "process_resident_memory_bytes",
      description: "Memory of this process",
      value: () => process.memoryUsage.rss()
    })
    yield* LiveMetrics.counter({
      id: "process_cpu_seconds_total",
      description: "Time this process has computed",
      value: () => {
        const { system, user } = process.cpuUsage()
        return (system + user) / 1e6
      }
    })
  })
)
