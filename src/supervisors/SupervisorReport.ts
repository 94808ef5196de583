/**
 * What supervisors report, as OTP's do: structured logs, and metrics that do not grow with the number of dynamic
 * children. Starts and orderly ends are logged at Debug, restarts at Warning, crashes and giving up at Error.
 *
 * - `supervisor_child_starts_total`, `supervisor_child_exits_total{reason}`, `supervisor_restarts_total`, by
 *   `supervisor` (a path) and, except for dynamic children, `child`.
 */
import { Cause, Context, Effect, Exit, Metric, References } from "effect"
import { describeExit, exitReason } from "../actors/process/ExitReason.ts"

const counters = {
  supervisor_child_starts_total: "Children started, restarts included",
  supervisor_child_exits_total: "Children that ended, by reason: normal, shutdown, killed, crashed",
  supervisor_restarts_total: "Restarts counted against a restart intensity"
}

export class SupervisorReport {
  private readonly supervisor: string
  private readonly context: Context.Context<never>
  /** Dynamic children share one series: their ids have no end. */
  private readonly perChild: boolean
  private readonly series = new Map<string, Metric.Counter<number>>()

  constructor(supervisor: string, context: Context.Context<never>, perChild: boolean) {
    this.supervisor = supervisor
    this.context = context
    this.perChild = perChild
  }

  childStarted(child: string): void {
    this.count("supervisor_child_starts_total", child)
    this.log("Debug", "child started", child)
  }

  /**
   * A typed failure is an answer to whoever asked for the child, and they decide what it means: of dynamic children,
   * which strangers may ask for, it is no news.
   */
  startFailed(child: string, exit: Exit.Exit<unknown, unknown>): void {
    const isAnswer = Exit.isFailure(exit) && !Cause.hasDies(exit.cause)
    if (isAnswer && !this.perChild) this.log("Debug", "child failed to start", child, exit)
    else this.log("Error", "child failed to start", child, exit)
  }

  childTerminated(child: string, exit: Exit.Exit<unknown, unknown>): void {
    const reason = exitReason(exit)
    this.count("supervisor_child_exits_total", child, reason)
    this.log(
      reason === "normal" || reason === "shutdown" ? "Debug" : "Error",
      "child terminated",
      child,
      exit
    )
  }

  restarting(child: string, attempt: number, delayMs: number): void {
    this.count("supervisor_restarts_total", child)
    this.log("Warn", "child restarting", child, undefined, { attempt, delayMs })
  }

  gaveUp(child: string, exit: Exit.Exit<unknown, unknown>): void {
    this.log("Error", "reached maximum restart intensity", child, exit)
  }

  /** A child did not end within its shutdown time, and was left behind after being killed. */
  abandoned(child: string): void {
    this.log("Error", "child did not stop in time and was killed", child)
  }

  private count(id: keyof typeof counters, child: string, reason = ""): void {
    const key = `${id} ${reason} ${this.perChild ? child : ""}`
    let series = this.series.get(key)
    if (series === undefined) {
      const attributes: Record<string, string> = { supervisor: this.supervisor }
      if (this.perChild) attributes.child = child
      if (reason !== "") attributes.reason = reason
      series = Metric.counter(id, { description: counters[id], attributes, incremental: true })
      this.series.set(key, series)
    }
    series.updateUnsafe(1, this.context)
  }

  private log(
    level: "Debug" | "Warn" | "Error",
    message: string,
    child: string,
    exit?: Exit.Exit<unknown, unknown>,
    more?: Record<string, unknown>
  ): void {
    // Tens of thousands of dynamic children start and end without a fiber for a line that nobody reads.
    if (level === "Debug" && Context.get(this.context, References.MinimumLogLevel) !== "Debug") return
    const line = exit?._tag === "Failure" && level === "Error" ? [message, exit.cause] : [message]
    Effect.runForkWith(this.context)(
      Effect.logWithLevel(level)(...line).pipe(
        Effect.annotateLogs({
          supervisor: this.supervisor,
          child,
          ...(exit === undefined ? {} : { exit: describeExit(exit) }),
          ...more
        })
      )
    )
  }
}
