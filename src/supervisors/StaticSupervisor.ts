/**
 * The supervisor behind `Supervisor.start`: an actor, as OTP's supervisor is a gen_server. Exits of children and
 * requests come one at a time through its mailbox, so that one restart is never overtaken by another. Only its own
 * end does not wait for its turn: it cuts short a child that is being started.
 */
import { Cause, Context, Duration, Effect, Exit, type Scope } from "effect"
import { startIn } from "../actors/Actor.ts"
import type { Self } from "../actors/Behaviour.ts"
import { AutoShutdown, describeExit, exitReason, RestartIntensityExceeded } from "../actors/ExitReason.ts"
import { type Process, ProcessBase, type ProcessInfo, stop } from "../actors/Process.ts"
import type { ReplyTo } from "../actors/ReplyTo.ts"
import { type Timers, timersIn } from "../actors/Timers.ts"
import type { Child, ChildOwner } from "./Child.ts"
import { ChildList } from "./ChildList.ts"
import type { AnyChildSpec, ChildSpec } from "./ChildSpec.ts"
import type { ChildCounts, ChildInfo, SnapshotOptions, TreeNode } from "./Introspection.ts"
import { affected, backoffMs, defaultIntensity, RestartWindow, shouldRestart } from "./RestartStrategy.ts"
import { invalidChild, invalidSpec } from "./SpecRules.ts"
import type { Supervisor, SupervisorSpec } from "./Supervisor.ts"
import {
  ChildAlreadyPresent,
  ChildAlreadyStarted,
  ChildNotFound,
  ChildRestarting,
  ChildStartFailed,
  InvalidSupervisorSpec,
  SupervisorStopped
} from "./SupervisorErrors.ts"
import { childContext, joinPath, SupervisorPath } from "./SupervisorPath.ts"
import { SupervisorReport } from "./SupervisorReport.ts"

type NotStopped = ChildAlreadyStarted | ChildRestarting

/** Requests are answered with an exit as a value: a child's own failure must not look like one of the mailbox. */
type Answer<A, E> = ReplyTo<Exit.Exit<A, E>>

type Request =
  | {
      readonly _tag: "StartChild"
      readonly spec: AnyChildSpec
      readonly replyTo: Answer<Process | undefined, unknown>
    }
  | { readonly _tag: "TerminateChild"; readonly id: string; readonly replyTo: Answer<void, ChildNotFound> }
  | {
      readonly _tag: "RestartChild"
      readonly id: string
      readonly replyTo: Answer<Process | undefined, ChildNotFound | NotStopped | ChildStartFailed>
    }
  | {
      readonly _tag: "DeleteChild"
      readonly id: string
      readonly replyTo: Answer<void, ChildNotFound | NotStopped>
    }

type Message =
  | Request
  | {
      readonly _tag: "Exited"
      readonly child: Child
      readonly process: Process
      readonly exit: Exit.Exit<unknown, unknown>
    }
  /** A start that failed during a restart is tried again, or the wait before a restart is over. */
  | { readonly _tag: "Due"; readonly attempt: Attempt }

/** What is to happen next to a child in state `restarting`. A message about one that is no longer planned is void. */
interface Attempt {
  readonly child: Child
  readonly next: "restart" | "start"
  readonly cancel: () => void
}

export class StaticSupervisor extends ProcessBase implements Supervisor<unknown>, ChildOwner {
  readonly path: string
  readonly context: Context.Context<unknown>
  readonly timers: Timers
  private readonly spec: SupervisorSpec<unknown, unknown>
  private readonly report: SupervisorReport
  private readonly window: RestartWindow
  private readonly children: ChildList
  private readonly attempts = new Map<Child, Attempt>()
  private readonly startedAt: number
  private self!: Self<Message>
  private isStopping = false

  constructor(spec: SupervisorSpec<unknown, unknown>, context: Context.Context<never>) {
    super(spec.id)
    this.spec = spec
    this.path = joinPath(Context.get(context, SupervisorPath), spec.id)
    this.context = childContext(context, this.path)
    this.timers = timersIn(context)
    this.report = new SupervisorReport(this.path, this.context, true)
    this.window = new RestartWindow(spec.intensity ?? defaultIntensity)
    this.children = new ChildList(this, this.report)
    this.startedAt = this.timers.now()
  }

  // ---- its own life -------------------------------------------------------------------------------------------

  start(): Effect.Effect<this, ChildStartFailed | InvalidSupervisorSpec, Scope.Scope> {
    const actor = startIn<Message, void, ChildStartFailed | InvalidSupervisorSpec>({
      id: this.id,
      // Exits are as many as children, and every request has a caller who waits: neither needs a bound.
      capacity: Number.POSITIVE_INFINITY,
      callTimeout: Duration.infinity,
      init: (self) => {
        this.self = self
        self.onExit((exit) => this.exited(exit))
        return this.startChildren()
      },
      handle: (message) => this.handle(message)
    })
    const finalizer = Effect.addFinalizer(() => Effect.suspend(() => stop(this)))
    return Effect.as(Effect.andThen(actor, finalizer), this)
  }

  private startChildren(): Effect.Effect<void, ChildStartFailed | InvalidSupervisorSpec, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const reason = invalidSpec(this.spec)
      if (reason !== undefined) return yield* new InvalidSupervisorSpec({ supervisor: this.path, reason })
      yield* Effect.addFinalizer((exit) => this.stopChildren(exit))
      for (const spec of this.spec.children) {
        const child = this.children.add(spec)
        const exit = yield* this.children.start(child)
        if (Exit.isFailure(exit)) return yield* this.startFailure(child, exit)
        this.dropIfIgnored(child)
      }
    })
  }

  shutdown(): void {
    this.beginEnd()
    this.self.shutdown()
  }

  kill(): void {
    this.beginEnd()
    this.self.kill()
    // Whatever it still waits for is a child on its way out.
    if (this.pollExit() === undefined) this.children.killAll()
  }

  private giveUp(reason: RestartIntensityExceeded | AutoShutdown): void {
    this.beginEnd()
    this.self.stop(Exit.fail(reason))
  }

  private beginEnd(): void {
    this.isStopping = true
    this.children.close()
    for (const child of this.attempts.keys()) this.forgetAttempt(child)
  }

  /** The last step, however it came to end: the finalizer of the actor's scope. */
  private stopChildren(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    this.beginEnd()
    return this.children.stopAll(exitReason(exit) === "killed")
  }

  private handle(message: Message): Effect.Effect<void> | undefined {
    // Those who still wait for an answer learn from the exit that the supervisor is gone.
    if (this.isStopping) return undefined
    switch (message._tag) {
      case "Exited":
        return this.onExited(message.child, message.process, message.exit)
      case "Due":
        return this.onDue(message.attempt)
      case "StartChild":
        return this.answer(message.replyTo, this.addChild(message.spec))
      case "TerminateChild":
        return this.answer(message.replyTo, this.withChild(message.id, this.terminateOne))
      case "RestartChild":
        return this.answer(message.replyTo, this.withChild(message.id, this.restartOne))
      case "DeleteChild":
        return this.answer(message.replyTo, this.withChild(message.id, this.deleteOne))
    }
  }

  private answer<A, E>(
    replyTo: Answer<A, E>,
    operation: Effect.Effect<Exit.Exit<A, E>>
  ): Effect.Effect<void> {
    return Effect.map(operation, (exit) => {
      // What was cut short by the end is not answered here: see above.
      if (!this.isStopping) replyTo.succeed(exit)
    })
  }

  // ---- exits and restarts -------------------------------------------------------------------------------------

  childExited(child: Child, process: Process, exit: Exit.Exit<unknown, unknown>): void {
    this.self.castUnsafe({ _tag: "Exited", child, process, exit })
  }

  private onExited(child: Child, process: Process, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    // Stopped by us in the meantime.
    if (child.process !== process) return Effect.void
    return Effect.gen({ self: this }, function* () {
      this.report.childTerminated(child.id, exit)
      yield* child.release(exit)
      if (shouldRestart(child.spec.restart, exit)) return yield* this.restart(child)
      if (child.spec.restart === "temporary") this.children.remove(child)
      if (child.spec.significant && this.endsWithSignificant()) {
        this.giveUp(new AutoShutdown({ supervisor: this.path, child: child.id }))
      }
    })
  }

  private endsWithSignificant(): boolean {
    switch (this.spec.autoShutdown ?? "never") {
      case "never":
        return false
      case "any_significant":
        return true
      case "all_significant":
        return !this.children.all.some((child) => child.spec.significant && child.state !== "stopped")
    }
  }

  /** Counts a restart and takes down what goes with the child; then starts it all, at once or after a while. */
  private restart(child: Child): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (!this.window.add(this.timers.now())) return this.exceeded(child)
      child.state = "restarting"
      for (const sibling of this.affectedBy(child).toReversed()) {
        if (sibling !== child) yield* this.takeDown(sibling)
      }
      const failures = child.countFailure(this.window.withinMs)
      const delayMs = backoffMs(this.spec.backoff, failures)
      this.report.restarting(child.id, failures, delayMs)
      if (delayMs === 0) yield* this.startGroup(child)
      else this.waitInBackoff(child, delayMs)
    })
  }

  private exceeded(child: Child): void {
    this.report.gaveUp(child.id, child.lastExit ?? Exit.void)
    const { maxRestarts, withinMs } = this.window
    this.giveUp(
      new RestartIntensityExceeded({ supervisor: this.path, child: child.id, maxRestarts, withinMs })
    )
  }

  private affectedBy(child: Child): ReadonlyArray<Child> {
    const { all } = this.children
    return affected(this.spec.strategy ?? "one_for_one", all, all.indexOf(child))
  }

  private takeDown(child: Child): Effect.Effect<void> {
    this.forgetAttempt(child)
    return Effect.map(this.children.stop(child), () => {
      if (child.spec.restart === "temporary") this.children.remove(child)
    })
  }

  private startGroup(child: Child): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (const member of this.affectedBy(child)) {
        if (member.state === "running") continue
        const exit = yield* this.children.start(member)
        if (this.isStopping) return
        if (Exit.isFailure(exit)) return this.tryAgain(member)
        member.restarts++
      }
    })
  }

  // Through the mailbox, so that a request or the end gets its turn between two attempts.
  private tryAgain(child: Child): void {
    child.state = "restarting"
    const attempt: Attempt = { child, next: "restart", cancel: () => {} }
    this.attempts.set(child, attempt)
    this.self.castUnsafe({ _tag: "Due", attempt })
  }

  private waitInBackoff(child: Child, delayMs: number): void {
    this.window.pause(this.timers.now())
    const cancelTimer = this.timers.after(delayMs, () => this.self.castUnsafe({ _tag: "Due", attempt }))
    const cancel = (): void => {
      cancelTimer()
      this.window.resume(this.timers.now())
    }
    const attempt: Attempt = { child, next: "start", cancel }
    this.attempts.set(child, attempt)
  }

  private forgetAttempt(child: Child): void {
    this.attempts.get(child)?.cancel()
    this.attempts.delete(child)
  }

  private onDue(attempt: Attempt): Effect.Effect<void> {
    const { child } = attempt
    if (this.attempts.get(child) !== attempt) return Effect.void
    this.forgetAttempt(child)
    return attempt.next === "restart" ? this.restart(child) : this.startGroup(child)
  }

  // ---- requests -----------------------------------------------------------------------------------------------

  private addChild(spec: AnyChildSpec): Effect.Effect<Exit.Exit<Process | undefined, unknown>> {
    const refusal = this.refusal(spec)
    if (refusal !== undefined) return Effect.succeed(Exit.fail(refusal))
    const child = this.children.add(spec)
    return Effect.map(this.children.start(child), (exit): Exit.Exit<Process | undefined, unknown> => {
      if (Exit.isFailure(exit)) {
        this.children.remove(child)
        return Exit.failCause(exit.cause)
      }
      this.dropIfIgnored(child)
      return Exit.succeed(child.process)
    })
  }

  /** A temporary child with nothing to run is not kept. */
  private dropIfIgnored(child: Child): void {
    if (child.process === undefined && child.spec.restart === "temporary") this.children.remove(child)
  }

  private refusal(
    spec: AnyChildSpec
  ): ChildAlreadyPresent | ChildAlreadyStarted | InvalidSupervisorSpec | undefined {
    const existing = this.children.find(spec.id)
    if (existing?.state === "stopped") return new ChildAlreadyPresent(this.about(spec.id))
    if (existing !== undefined) return new ChildAlreadyStarted(this.about(spec.id))
    const reason = invalidChild(spec, this.spec.autoShutdown)
    return reason === undefined ? undefined : new InvalidSupervisorSpec({ supervisor: this.path, reason })
  }

  private terminateOne(child: Child): Effect.Effect<Exit.Exit<void>> {
    return Effect.as(this.takeDown(child), Exit.void)
  }

  private restartOne(
    child: Child
  ): Effect.Effect<Exit.Exit<Process | undefined, NotStopped | ChildStartFailed>> {
    const refusal = this.notStopped(child)
    if (refusal !== undefined) return Effect.succeed(Exit.fail(refusal))
    return Effect.map(this.children.start(child), (exit) =>
      Exit.isSuccess(exit) ? Exit.succeed(child.process) : Exit.fail(this.startFailure(child, exit))
    )
  }

  private deleteOne(child: Child): Effect.Effect<Exit.Exit<void, NotStopped>> {
    const refusal = this.notStopped(child)
    if (refusal !== undefined) return Effect.succeed(Exit.fail(refusal))
    this.children.remove(child)
    return Effect.succeed(Exit.void)
  }

  private withChild<A, E>(
    id: string,
    operate: (this: this, child: Child) => Effect.Effect<Exit.Exit<A, E>>
  ): Effect.Effect<Exit.Exit<A, E | ChildNotFound>> {
    const child = this.children.find(id)
    return child === undefined
      ? Effect.succeed(Exit.fail(new ChildNotFound(this.about(id))))
      : operate.call(this, child)
  }

  private notStopped(child: Child): NotStopped | undefined {
    if (child.state === "stopped") return undefined
    return child.state === "restarting"
      ? new ChildRestarting(this.about(child.id))
      : new ChildAlreadyStarted(this.about(child.id))
  }

  private startFailure(child: Child, exit: Exit.Failure<unknown, unknown>): ChildStartFailed {
    return new ChildStartFailed({ ...this.about(child.id), cause: Cause.squash(exit.cause) })
  }

  private about(child: string): { readonly supervisor: string; readonly child: string } {
    return { supervisor: this.path, child }
  }

  private request<A, E>(make: (replyTo: Answer<A, E>) => Request): Effect.Effect<A, E | SupervisorStopped> {
    return Effect.flatten(
      Effect.mapError(
        this.self.call<Exit.Exit<A, E>>(make),
        () => new SupervisorStopped({ supervisor: this.path })
      )
    )
  }

  startChild<P extends Process, E>(
    spec: ChildSpec<P, E, unknown>
  ): Effect.Effect<
    P | undefined,
    E | ChildAlreadyStarted | ChildAlreadyPresent | InvalidSupervisorSpec | SupervisorStopped
  > {
    type Failure = E | ChildAlreadyStarted | ChildAlreadyPresent | InvalidSupervisorSpec
    // The process is the one that `spec.start` made, and the failure is its or one of `addChild`.
    return this.request<P | undefined, Failure>((replyTo) => ({
      _tag: "StartChild",
      spec,
      replyTo: replyTo as Answer<Process | undefined, unknown>
    }))
  }

  terminateChild(id: string): Effect.Effect<void, ChildNotFound | SupervisorStopped> {
    return this.request<void, ChildNotFound>((replyTo) => ({ _tag: "TerminateChild", id, replyTo }))
  }

  restartChild(
    id: string
  ): Effect.Effect<Process | undefined, ChildNotFound | NotStopped | ChildStartFailed | SupervisorStopped> {
    return this.request<Process | undefined, ChildNotFound | NotStopped | ChildStartFailed>((replyTo) => ({
      _tag: "RestartChild",
      id,
      replyTo
    }))
  }

  deleteChild(id: string): Effect.Effect<void, ChildNotFound | NotStopped | SupervisorStopped> {
    return this.request<void, ChildNotFound | NotStopped>((replyTo) => ({ _tag: "DeleteChild", id, replyTo }))
  }

  // ---- looking in ---------------------------------------------------------------------------------------------

  inspect(): ProcessInfo {
    return this.self.inspect()
  }

  whichChildren(): ReadonlyArray<ChildInfo> {
    return this.children.infos()
  }

  countChildren(): ChildCounts {
    return this.children.counts()
  }

  child(id: string): Process | undefined {
    return this.children.find(id)?.info().process
  }

  snapshotChildren(options: SnapshotOptions): ReadonlyArray<TreeNode> {
    return this.children.snapshot(options)
  }

  snapshot(options: SnapshotOptions = {}): TreeNode {
    const exit = this.pollExit()
    return {
      id: this.id,
      path: this.path,
      type: "supervisor",
      state: exit !== undefined ? "stopped" : this.isStopping ? "stopping" : "running",
      restarts: 0,
      uptimeMs: exit === undefined ? this.timers.now() - this.startedAt : undefined,
      mailboxDepth: this.inspect().mailboxDepth,
      lastExit: exit === undefined ? undefined : describeExit(exit),
      childCount: this.children.all.length,
      children: this.snapshotChildren(options)
    }
  }
}
