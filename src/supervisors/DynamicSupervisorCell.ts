/**
 * The dynamic supervisor behind `DynamicSupervisor.start`. It has no mailbox and no fiber: its state only changes in
 * short synchronous steps, at a request or at a child's exit. What takes time, a start or a stop, runs as a fiber of
 * that child.
 */
import { Context, Deferred, Effect, Exit, Fiber } from "effect"
import { Killed, RestartIntensityExceeded, shutdown } from "../actors/process/ExitReason.ts"
import { type Process, ProcessBase, type ProcessInfo } from "../actors/process/Process.ts"
import { type Timers, timersIn } from "../actors/process/Timers.ts"
import { Child, type ChildOwner } from "./Child.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import type { DynamicSupervisor, DynamicSupervisorSpec } from "./DynamicSupervisor.ts"
import type { ChildCounts, ChildInfo, SnapshotOptions, TreeNode } from "./Introspection.ts"
import { backoffMs, defaultIntensity, RestartWindow, shouldRestart } from "./RestartStrategy.ts"
import {
  ChildAlreadyStarted,
  ChildNotFound,
  MaxChildrenReached,
  SupervisorStopped
} from "./SupervisorErrors.ts"
import { childContext, joinPath, SupervisorPath } from "./SupervisorPath.ts"
import { SupervisorReport } from "./SupervisorReport.ts"

class DynamicChild extends Child {
  /** The start in progress. */
  starting: Fiber.Fiber<void, unknown> | undefined = undefined
  /** What an incarnation that ended by itself has held is being released. */
  releasing: Fiber.Fiber<void> | undefined = undefined
  /** There is one when it is being stopped: for all who wait for that. */
  stopped: Deferred.Deferred<void> | undefined = undefined
  cancelBackoff: (() => void) | undefined = undefined
  window: RestartWindow | undefined = undefined
}

export class DynamicSupervisorCell<Extra>
  extends ProcessBase
  implements DynamicSupervisor<unknown, Extra>, ChildOwner
{
  readonly path: string
  private readonly spec: DynamicSupervisorSpec<Extra>
  readonly context: Context.Context<unknown>
  readonly timers: Timers
  private readonly report: SupervisorReport
  private readonly window: RestartWindow
  private readonly children = new Map<string, DynamicChild>()
  private ending: Exit.Exit<unknown, unknown> | undefined = undefined

  constructor(spec: DynamicSupervisorSpec<Extra>, context: Context.Context<never>) {
    super(spec.id)
    this.spec = spec
    this.path = joinPath(Context.get(context, SupervisorPath), spec.id)
    this.context = childContext(context, this.path)
    this.timers = timersIn(context)
    this.report = new SupervisorReport(this.path, this.context, false)
    this.window = new RestartWindow(spec.intensity ?? defaultIntensity)
  }

  // ---- requests -----------------------------------------------------------------------------------------------

  startChild<P extends Process, E>(
    given: ChildSpec<P, E, unknown> | ((extra: Extra) => ChildSpec<P, E, unknown>)
  ): Effect.Effect<P | undefined, E | ChildAlreadyStarted | MaxChildrenReached | SupervisorStopped> {
    return Effect.callback((resume) => {
      const spec = typeof given === "function" ? given(this.spec.extraArguments as Extra) : given
      const refusal = this.refusal(spec.id)
      if (refusal !== undefined) return resume(Effect.fail(refusal))
      const child = new DynamicChild(spec, this)
      this.children.set(spec.id, child)
      this.run(child, (exit) => {
        // The process is the one that `spec.start` made, and the failure is its.
        const process = child.process as P | undefined
        if (process === undefined) this.forget(child)
        if (Exit.isSuccess(exit)) resume(Effect.succeed(process))
        else if (child.stopped === undefined) resume(exit as Exit.Exit<never, E>)
        else resume(Effect.fail(new SupervisorStopped({ supervisor: this.path })))
      })
      return Effect.suspend(() => this.stopChild(child))
    })
  }

  private refusal(id: string): ChildAlreadyStarted | MaxChildrenReached | SupervisorStopped | undefined {
    if (this.ending !== undefined) return new SupervisorStopped({ supervisor: this.path })
    if (this.children.has(id)) return new ChildAlreadyStarted({ supervisor: this.path, child: id })
    const limit = this.spec.maxChildren
    if (limit === undefined || this.children.size < limit) return undefined
    return new MaxChildrenReached({ supervisor: this.path, limit })
  }

  terminateChild(id: string): Effect.Effect<void, ChildNotFound> {
    return Effect.suspend(() => {
      const child = this.children.get(id)
      return child === undefined
        ? Effect.fail(new ChildNotFound({ supervisor: this.path, child: id }))
        : this.stopChild(child)
    })
  }

  // ---- starting and stopping one ------------------------------------------------------------------------------

  private run(child: DynamicChild, done: (exit: Exit.Exit<void, unknown>) => void): void {
    const fiber = child.start()
    child.starting = fiber
    fiber.addObserver((exit) => {
      child.starting = undefined
      if (Exit.isSuccess(exit)) this.report.childStarted(child.id)
      else if (child.stopped === undefined) this.report.startFailed(child.id, exit)
      done(exit)
      child.watch()
    })
  }

  /** Stops a child in whatever state it is, and waits. Goes on when the waiting is interrupted. */
  private stopChild(child: DynamicChild, brutally = false): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (child.stopped === undefined) {
        child.stopped = Deferred.makeUnsafe<void>()
        Effect.runForkWith(this.context)(this.stopping(child, child.stopped, brutally), {
          uninterruptible: true
        })
      }
      return Deferred.await(child.stopped)
    })
  }

  private stopping(
    child: DynamicChild,
    stopped: Deferred.Deferred<void>,
    brutally: boolean
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      child.cancelBackoff?.()
      child.cancelBackoff = undefined
      // A child can ask for its own end while it starts. Further up this stack it does so: let it come to a rest.
      if (child.state === "starting" && child.starting === undefined) yield* Effect.yieldNow
      if (child.starting !== undefined) yield* Fiber.interrupt(child.starting)
      if (child.releasing !== undefined) yield* Fiber.await(child.releasing)
      const wasRunning = child.process !== undefined
      const inTime = yield* child.terminate(brutally)
      if (!inTime) this.report.abandoned(child.id)
      if (wasRunning && child.lastExit !== undefined) this.report.childTerminated(child.id, child.lastExit)
      this.forget(child)
      Deferred.doneUnsafe(stopped, Effect.void)
    })
  }

  private forget(child: DynamicChild): void {
    if (this.children.get(child.id) === child) this.children.delete(child.id)
    if (this.ending !== undefined && this.children.size === 0) this.exited(this.ending)
  }

  // ---- restarting ---------------------------------------------------------------------------------------------

  childExited(exited: Child, _process: Process, exit: Exit.Exit<unknown, unknown>): void {
    const child = this.children.get(exited.id)
    if (child !== exited || child.stopped !== undefined) return
    this.report.childTerminated(child.id, exit)
    child.releasing = Effect.runForkWith(this.context)(child.release(exit))
    child.releasing.addObserver(() => {
      child.releasing = undefined
      if (child.stopped !== undefined) return
      if (shouldRestart(child.spec.restart, exit)) this.restart(child)
      else this.forget(child)
    })
  }

  private restart(child: DynamicChild): void {
    if (this.ending !== undefined || child.stopped !== undefined) return
    const { intensity } = this.spec
    const perChild = intensity?.per === "child"
    if (perChild) child.window ??= new RestartWindow(intensity)
    const window = child.window ?? this.window
    if (!window.add(this.timers.now())) {
      this.report.gaveUp(child.id, child.lastExit ?? Exit.void)
      this.forget(child)
      if (!perChild) this.giveUp(child)
      return
    }
    child.state = "restarting"
    const attempt = child.countFailure(window.withinMs)
    const delayMs = backoffMs(this.spec.backoff, attempt)
    this.report.restarting(child.id, attempt, delayMs)
    if (delayMs === 0) this.startAgain(child)
    else this.waitInBackoff(child, window, delayMs)
  }

  private startAgain(child: DynamicChild): void {
    this.run(child, (exit) => {
      if (child.stopped !== undefined) return
      if (Exit.isFailure(exit)) {
        child.state = "restarting"
        // Not within this stack: a child that never starts would nest as deep as its intensity allows.
        queueMicrotask(() => this.restart(child))
      } else if (child.process === undefined) {
        this.forget(child)
      } else {
        child.restarts++
      }
    })
  }

  private waitInBackoff(child: DynamicChild, window: RestartWindow, delayMs: number): void {
    window.pause(this.timers.now())
    const cancel = this.timers.after(delayMs, () => {
      child.cancelBackoff = undefined
      window.resume(this.timers.now())
      this.startAgain(child)
    })
    child.cancelBackoff = () => {
      cancel()
      window.resume(this.timers.now())
    }
  }

  // ---- its own end --------------------------------------------------------------------------------------------

  private giveUp(child: DynamicChild): void {
    const { maxRestarts, withinMs } = this.window
    this.end(
      Exit.fail(
        new RestartIntensityExceeded({ supervisor: this.path, child: child.id, maxRestarts, withinMs })
      )
    )
  }

  shutdown(): void {
    this.end(shutdown)
  }

  /** All children stop at the same time, each within its own shutdown time. */
  private end(exit: Exit.Exit<unknown, unknown>): void {
    if (this.ending !== undefined) return
    this.ending = exit
    for (const child of this.children.values()) Effect.runForkWith(this.context)(this.stopChild(child))
    if (this.children.size === 0) this.exited(exit)
  }

  kill(): void {
    if (this.pollExit() !== undefined) return
    this.ending = Exit.fail(new Killed({ process: this.id }))
    for (const child of this.children.values()) {
      child.process?.kill()
      Effect.runForkWith(this.context)(this.stopChild(child, true))
    }
    this.exited(this.ending)
  }

  // ---- looking in ---------------------------------------------------------------------------------------------

  inspect(): ProcessInfo {
    if (this.pollExit() !== undefined) return { state: "exited" }
    return { state: this.ending === undefined ? "running" : "stopping" }
  }

  whichChildren(): ReadonlyArray<ChildInfo> {
    return Array.from(this.children.values(), (child) => child.info())
  }

  countChildren(): ChildCounts {
    let active = 0
    let supervisors = 0
    for (const child of this.children.values()) {
      if (child.state === "running") active++
      if (child.spec.type === "supervisor") supervisors++
    }
    return { specs: this.children.size, active, supervisors, workers: this.children.size - supervisors }
  }

  child(id: string): Process | undefined {
    return this.children.get(id)?.info().process
  }

  snapshotChildren(options: SnapshotOptions): ReadonlyArray<TreeNode> {
    return Array.from(this.children.values().take(options.maxDynamicChildren ?? 100), (child) =>
      child.snapshot(options)
    )
  }
}
