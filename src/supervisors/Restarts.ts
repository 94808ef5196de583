/**
 * What a static supervisor does about exits: whether one restarts the child, what goes down and up with it, how often,
 * and when it gives up. The rules are in `RestartStrategy.ts`; here they are carried out, one exit at a time, as the
 * supervisor's mailbox hands them over.
 */
import { Effect, Exit } from "effect"
import { AutoShutdown, RestartIntensityExceeded } from "../actors/process/ExitReason.ts"
import type { Process } from "../actors/process/Process.ts"
import type { Timers } from "../actors/process/Timers.ts"
import type { Child } from "./Child.ts"
import type { ChildList } from "./ChildList.ts"
import { affected, backoffMs, defaultIntensity, RestartWindow, shouldRestart } from "./RestartStrategy.ts"
import type { SupervisorOptions } from "./Supervisor.ts"
import type { SupervisorReport } from "./SupervisorReport.ts"

/** The next start of a child in state `restarting`. One that is no longer planned is void. */
export interface Attempt {
  readonly child: Child
  /** `restart`: a start has failed, which counts and goes by the strategy again. `start`: the backoff is over. */
  readonly next: "restart" | "start"
  readonly cancel: () => void
}

/** The supervisor, as its restarts see it. */
export interface RestartHost {
  readonly path: string
  readonly timers: Timers
  readonly isStopping: boolean
  /** Comes back to `due`, through the mailbox: a request or the end gets its turn between two attempts. */
  readonly attemptDue: (attempt: Attempt) => void
  readonly giveUp: (reason: RestartIntensityExceeded | AutoShutdown) => void
}

export class Restarts {
  private readonly host: RestartHost
  private readonly options: SupervisorOptions
  private readonly children: ChildList
  private readonly report: SupervisorReport
  private readonly window: RestartWindow
  private readonly attempts = new Map<Child, Attempt>()

  constructor(host: RestartHost, options: SupervisorOptions, children: ChildList, report: SupervisorReport) {
    this.host = host
    this.options = options
    this.children = children
    this.report = report
    this.window = new RestartWindow(options.intensity ?? defaultIntensity)
  }

  exited(child: Child, process: Process, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    // It may have been stopped since.
    if (child.process !== process) return Effect.void
    return Effect.gen({ self: this }, function* () {
      this.report.childTerminated(child.id, exit)
      yield* child.release(exit)
      if (shouldRestart(child.spec.restart, exit)) return yield* this.restart(child)
      if (child.spec.restart === "temporary") this.children.remove(child)
      if (child.spec.significant && this.endsWithSignificant()) {
        this.host.giveUp(new AutoShutdown({ supervisor: this.host.path, child: child.id }))
      }
    })
  }

  private endsWithSignificant(): boolean {
    switch (this.options.autoShutdown ?? "never") {
      case "never":
        return false
      case "any_significant":
        return true
      case "all_significant":
        return !this.children.all.some((child) => child.spec.significant && child.state !== "stopped")
    }
  }

  due(attempt: Attempt): Effect.Effect<void> {
    const { child, next } = attempt
    if (this.attempts.get(child) !== attempt) return Effect.void
    this.cancel(child)
    return next === "restart" ? this.restart(child) : this.startGroup(child)
  }

  /** Stops a child, and calls off its restart. A temporary one is not kept. */
  takeDown(child: Child): Effect.Effect<void> {
    this.cancel(child)
    return Effect.map(this.children.stop(child), () => {
      if (child.spec.restart === "temporary") this.children.remove(child)
    })
  }

  cancelAll(): void {
    for (const child of this.attempts.keys()) this.cancel(child)
  }

  /** Counts a restart and takes down what goes with the child; then starts it all, at once or after a while. */
  private restart(child: Child): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { maxRestarts, withinMs } = this.window
      if (!this.window.add(this.host.timers.now())) {
        this.report.gaveUp(child.id, child.lastExit ?? Exit.void)
        const supervisor = this.host.path
        return this.host.giveUp(
          new RestartIntensityExceeded({ supervisor, child: child.id, maxRestarts, withinMs })
        )
      }
      child.state = "restarting"
      for (const sibling of this.affectedBy(child).toReversed()) {
        if (sibling !== child) yield* this.takeDown(sibling)
      }
      const failures = child.countFailure(withinMs)
      const delayMs = backoffMs(this.options.backoff, failures)
      this.report.restarting(child.id, failures, delayMs)
      if (delayMs === 0) yield* this.startGroup(child)
      else this.waitInBackoff(child, delayMs)
    })
  }

  private affectedBy(child: Child): ReadonlyArray<Child> {
    const { all } = this.children
    return affected(this.options.strategy ?? "one_for_one", all, all.indexOf(child))
  }

  private startGroup(child: Child): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (const member of this.affectedBy(child)) {
        if (member.state === "running") continue
        const exit = yield* this.children.start(member)
        if (this.host.isStopping) return
        if (Exit.isFailure(exit)) return this.tryAgain(member)
        member.restarts++
      }
    })
  }

  private tryAgain(child: Child): void {
    child.state = "restarting"
    const attempt: Attempt = { child, next: "restart", cancel: () => {} }
    this.attempts.set(child, attempt)
    this.host.attemptDue(attempt)
  }

  private waitInBackoff(child: Child, delayMs: number): void {
    const { timers } = this.host
    this.window.pause(timers.now())
    const cancelTimer = timers.after(delayMs, () => this.host.attemptDue(attempt))
    const cancel = (): void => {
      cancelTimer()
      this.window.resume(timers.now())
    }
    const attempt: Attempt = { child, next: "start", cancel }
    this.attempts.set(child, attempt)
  }

  private cancel(child: Child): void {
    this.attempts.get(child)?.cancel()
    this.attempts.delete(child)
  }
}
