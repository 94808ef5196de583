/**
 * Removes what dead nodes and lost work have left behind: each task of the list, one after the other, every few minutes.
 * Nothing waits for it and nothing is wrong without it, only fuller; whoever reads such a thing leaves out what is dead.
 *
 * One node at a time does it. Should two, a task removes a thing once.
 */
import { Clock, Context, Duration, Effect, Layer, Metric } from "effect"
import type { Unavailable } from "../domain/Errors.ts"
import { WorkLeases } from "../domain/ports/WorkLeases.ts"

export interface CleanupTask {
  /** A label of `cleanup_removed_total`. */
  readonly name: string
  /** Answers how many things it has removed. */
  readonly sweep: Effect.Effect<number, Unavailable>
}

export interface CleanupOptions {
  readonly interval: Duration.Input
  readonly tasks: ReadonlyArray<CleanupTask>
}

const LEASE = "cleanup"

/** Milliseconds between two renewals of it; a third of what it lasts by default. */
const RENEWAL = 5_000

const removed = Metric.counter("cleanup_removed_total", {
  description: "Things left behind that were removed, by task",
  incremental: true
})

export class Cleanup extends Context.Service<
  Cleanup,
  {
    /** Works until it is interrupted; the supervision tree runs it. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/workers/Cleanup") {}

const make = Effect.fnUntraced(function* ({ interval, tasks }: CleanupOptions) {
  const leases = yield* WorkLeases

  const perform = ({ name, sweep }: CleanupTask) =>
    sweep.pipe(
      Effect.tap((count) => Metric.update(Metric.withAttributes(removed, { task: name }), count)),
      Effect.tap((count) => (count === 0 ? Effect.void : Effect.logInfo("Removed what was left behind"))),
      // The other tasks may be able to.
      Effect.catch((error) => Effect.logWarning("Cleaning up failed", error)),
      Effect.annotateLogs({ task: name })
    )

  const held = leases
    .hold(LEASE)
    .pipe(Effect.catch((error) => Effect.as(Effect.logWarning("Cleaning up cannot begin", error), false)))
  const period = Duration.toMillis(Duration.fromInputUnsafe(interval))

  return Cleanup.of({
    run: Effect.gen(function* () {
      let last = yield* Clock.currentTimeMillis
      while (true) {
        // Whoever has the lease keeps it between two rounds, too: else each node would have rounds of its own.
        yield* Effect.sleep(Math.min(period, RENEWAL))
        const isOurs = yield* held
        const now = yield* Clock.currentTimeMillis
        const isDue = now - last >= period
        if (isDue || !isOurs) last = now
        if (!isDue || !isOurs) continue
        yield* Effect.forEach(tasks, perform, { discard: true })
      }
    }).pipe(Effect.ensuring(leases.release(LEASE)))
  })
})

export const layer = (options: CleanupOptions) => Layer.effect(Cleanup, make(options))
