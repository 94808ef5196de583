/**
 * The rules of restarting, as pure functions: which exit restarts a child, which siblings go with it, how many
 * restarts are too many, and how long to wait before the next. `Supervisor.ts` and `DynamicSupervisor.ts` obey.
 */
import { Duration, type Exit } from "effect"
import { isAbnormal } from "../actors/process/ExitReason.ts"

/** `permanent`: always restarted. `transient`: after a crash only. `temporary`: never. */
export type Restart = "permanent" | "transient" | "temporary"

/** Which children are restarted when one is: it alone, all, or it and those started after it. */
export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one"

/**
 * Whether the end of `significant` children ends their supervisor: `any_significant` the first of them,
 * `all_significant` the last one.
 */
export type AutoShutdown = "never" | "any_significant" | "all_significant"

/** More than `maxRestarts` restarts within `within` are too many. OTP's default: 1 in 5 seconds. */
export interface Intensity {
  readonly maxRestarts: number
  readonly within: Duration.Input
}

/** Waiting time before a restart: `initial`, then `factor` (default 2) times the last one, at most `max`. */
export interface Backoff {
  readonly initial: Duration.Input
  readonly max: Duration.Input
  readonly factor?: number
}

export const defaultIntensity: Intensity = { maxRestarts: 1, within: "5 seconds" }

export const shouldRestart = (restart: Restart, exit: Exit.Exit<unknown, unknown>): boolean =>
  restart === "permanent" || (restart === "transient" && isAbnormal(exit))

/** The children that a restart of the one at `index` takes down and starts again, in start order. */
export const affected = <C>(
  strategy: Strategy,
  children: ReadonlyArray<C>,
  index: number
): ReadonlyArray<C> => {
  switch (strategy) {
    case "one_for_one":
      return children.slice(index, index + 1)
    case "rest_for_one":
      return children.slice(index)
    case "one_for_all":
      return children
  }
}

/** Delay before the restart number `attempt` in a row, counted from 1, in milliseconds. */
export const backoffMs = (backoff: Backoff | undefined, attempt: number): number => {
  if (backoff === undefined) return 0
  const grown = Duration.toMillis(backoff.initial) * (backoff.factor ?? 2) ** (attempt - 1)
  return Math.min(grown, Duration.toMillis(backoff.max))
}

/**
 * The sliding window of restarts. Times are milliseconds of a monotonic clock. As in OTP a restart exactly `within`
 * ago still counts.
 *
 * Waiting in backoff is off this clock: `pause` stops it and `resume` lets it go on, so that a child which is only
 * slow to fail, because it is made to wait, still uses up its restarts.
 */
export class RestartWindow {
  readonly maxRestarts: number
  readonly withinMs: number
  private times: Array<number> = []
  private waiting = 0
  private pausedAt = 0
  private pausedFor = 0

  constructor(intensity: Intensity) {
    this.maxRestarts = intensity.maxRestarts
    this.withinMs = Duration.toMillis(intensity.within)
  }

  /** Counts a restart and returns whether it is allowed. */
  add(now: number): boolean {
    const time = (this.waiting > 0 ? this.pausedAt : now) - this.pausedFor
    this.times = this.times.filter((earlier) => time <= earlier + this.withinMs)
    this.times.push(time)
    return this.times.length <= this.maxRestarts
  }

  pause(now: number): void {
    if (this.waiting++ === 0) this.pausedAt = now
  }

  resume(now: number): void {
    if (--this.waiting === 0) this.pausedFor += now - this.pausedAt
  }
}
