/**
 * Supervisors with a fixed order of children: OTP's `supervisor`. It starts its children in order, stops them in
 * reverse, restarts them by its strategy, and ends when that does not help.
 *
 * A supervisor is an actor, as OTP's is a gen_server: exits of children and requests come one at a time through its
 * mailbox, so a restart is never overtaken by another. Only a shutdown does not wait its turn: it cuts short a child
 * that is being started. Children run in the context the supervisor was started in, so that what they need shows in
 * the type of `start`.
 */
import { Cause, Context, Duration, Effect, Exit, Fiber, type Scope, Tracer } from "effect"
import { startIn } from "../actors/Actor.ts"
import type { Self } from "../actors/Behaviour.ts"
import { AutoShutdown, describeExit, exitReason, RestartIntensityExceeded } from "../actors/ExitReason.ts"
import { awaitExit, type ExitObserver, type Process, type ProcessInfo } from "../actors/Process.ts"
import type { ReplyTo } from "../actors/ReplyTo.ts"
import { after, now } from "../actors/Timers.ts"
import { Child, joinPath, SupervisorPath } from "./Child.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import type { ChildCounts, ChildInfo, Parent, SnapshotOptions, TreeNode } from "./Introspection.ts"
import {
  type AutoShutdown as AutoShutdownPolicy,
  affected,
  type Backoff,
  backoffMs,
  defaultIntensity,
  type Intensity,
  RestartWindow,
  type Strategy,
  shouldRestart
} from "./RestartStrategy.ts"
import {
  ChildAlreadyPresent,
  ChildAlreadyStarted,
  ChildNotFound,
  ChildRestarting,
  ChildStartFailed,
  InvalidSupervisorSpec,
  SupervisorStopped
} from "./SupervisorErrors.ts"
import { SupervisorReport } from "./SupervisorReport.ts"

export interface SupervisorSpec<out E = unknown, out R = never> {
  readonly id: string
  /** Default `one_for_one`. */
  readonly strategy?: Strategy
  /** Default: 1 restart in 5 seconds. */
  readonly intensity?: Intensity
  /** Default: none, a child is restarted at once. */
  readonly backoff?: Backoff
  /** Default `never`. */
  readonly autoShutdown?: AutoShutdownPolicy
  readonly children: ReadonlyArray<ChildSpec<Process, E, R>>
}

/** A running supervisor, whose children may need `R`. */
export interface Supervisor<in R = never> extends Parent {
  /** Starts a further child, the last in order. A child that fails to start is not kept. */
  readonly startChild: <P extends Process, E>(
    spec: ChildSpec<P, E, R>
  ) => Effect.Effect<
    P | undefined,
    E | ChildAlreadyStarted | ChildAlreadyPresent | InvalidSupervisorSpec | SupervisorStopped
  >
  /** Stops a child. Its spec is kept, unless it is temporary; a later restart of its group starts it again. */
  readonly terminateChild: (id: string) => Effect.Effect<void, ChildNotFound | SupervisorStopped>
  /** Starts a child that does not run. */
  readonly restartChild: (
    id: string
  ) => Effect.Effect<
    Process | undefined,
    ChildNotFound | ChildAlreadyStarted | ChildRestarting | ChildStartFailed | SupervisorStopped
  >
  /** Forgets a child that does not run. */
  readonly deleteChild: (
    id: string
  ) => Effect.Effect<void, ChildNotFound | ChildAlreadyStarted | ChildRestarting | SupervisorStopped>
  /** The tree from here down, as it is at this moment. */
  readonly snapshot: (options?: SnapshotOptions) => TreeNode
}

type NotStopped = ChildAlreadyStarted | ChildRestarting

/** Requests are answered with an exit as a value: a child's own failure must not look like one of the mailbox. */
type Answer<A, E> = ReplyTo<Exit.Exit<A, E>>

/** A child waiting for its next start; a new one per attempt, so that a message about an old attempt is known as such. */
interface Attempt {
  readonly cancelBackoff: () => void
}

type Message =
  | {
      readonly _tag: "Exited"
      readonly child: Child
      readonly process: Process
      readonly exit: Exit.Exit<unknown, unknown>
    }
  /** A start that failed during a restart is tried again: counted, and by the strategy. */
  | { readonly _tag: "TryAgain"; readonly child: Child; readonly attempt: Attempt }
  | { readonly _tag: "BackoffOver"; readonly child: Child; readonly attempt: Attempt }
  | {
      readonly _tag: "StartChild"
      readonly spec: ChildSpec<Process, unknown, unknown>
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

class StaticSupervisor implements Supervisor<unknown> {
  readonly id: string
  readonly path: string
  private readonly spec: SupervisorSpec<unknown, unknown>
  private readonly context: Context.Context<unknown>
  private readonly report: SupervisorReport
  private readonly window: RestartWindow
  private readonly startedAt: number
  private self!: Self<Message>
  private children: Array<Child> = []
  private readonly attempts = new Map<Child, Attempt>()
  /** The child being started. */
  private starting: Fiber.Fiber<void, unknown> | undefined = undefined
  private isStopping = false

  constructor(spec: SupervisorSpec<unknown, unknown>, context: Context.Context<never>) {
    this.id = spec.id
    this.spec = spec
    this.path = joinPath(Context.get(context, SupervisorPath), spec.id)
    this.context = childContext(context, this.path)
    this.report = new SupervisorReport(this.path, this.context, true)
    this.window = new RestartWindow(spec.intensity ?? defaultIntensity)
    this.startedAt = now(context)
  }

  // ---- its own life -------------------------------------------------------------------------------------------

  start(): Effect.Effect<this, ChildStartFailed | InvalidSupervisorSpec, Scope.Scope> {
    const starting = startIn<Message, void, ChildStartFailed | InvalidSupervisorSpec>({
      id: this.id,
      // Exits are as many as children, and every request has a caller who waits: neither needs a bound.
      capacity: Number.POSITIVE_INFINITY,
      callTimeout: Duration.infinity,
      init: (self) => {
        this.self = self
        return this.startChildren()
      },
      handle: (message) => this.handle(message)
    })
    const stopping = Effect.suspend(() => {
      this.shutdown()
      return awaitExit(this)
    })
    return Effect.andThen(
      starting,
      Effect.as(
        Effect.addFinalizer(() => stopping),
        this
      )
    )
  }

  private startChildren(): Effect.Effect<void, ChildStartFailed | InvalidSupervisorSpec, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const reason = invalidSpec(this.spec)
      if (reason !== undefined) return yield* new InvalidSupervisorSpec({ supervisor: this.path, reason })
      yield* Effect.addFinalizer((exit) => this.stopAll(exit))
      for (const spec of this.spec.children) {
        const child = new Child(spec)
        this.children.push(child)
        const exit = yield* this.startNow(child)
        if (Exit.isFailure(exit)) return yield* this.startFailure(child, exit.cause)
        if (child.process === undefined && spec.restart === "temporary") this.remove(child)
      }
    })
  }

  shutdown(): void {
    this.isStopping = true
    this.starting?.interruptUnsafe()
    this.self.shutdown()
  }

  kill(): void {
    this.isStopping = true
    this.starting?.interruptUnsafe()
    for (const child of this.children.toReversed()) child.process?.kill()
    this.self.kill()
  }

  /** The supervisor's last step, however it ends. */
  private stopAll(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.isStopping = true
      const brutally = exitReason(exit) === "killed"
      for (const child of this.children.toReversed()) yield* this.stopOne(child, brutally)
    })
  }

  private giveUp(reason: RestartIntensityExceeded | AutoShutdown): void {
    this.isStopping = true
    this.self.stop(Exit.fail(reason))
  }

  // ---- one child ----------------------------------------------------------------------------------------------

  private startNow(child: Child): Effect.Effect<Exit.Exit<void, unknown>> {
    return Effect.callback((resume) => {
      if (this.isStopping) return resume(Effect.succeed(Exit.interrupt()))
      const fiber = Effect.runForkWith(this.context)(child.start(this.context))
      const finished = (exit: Exit.Exit<void, unknown>): void => {
        this.starting = undefined
        if (Exit.isSuccess(exit)) this.report.childStarted(child.id)
        else this.report.startFailed(child.id, exit)
        child.watch((process, end) => this.self.castUnsafe({ _tag: "Exited", child, process, exit: end }))
        resume(Effect.succeed(exit))
      }
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return finished(exit)
      this.starting = fiber
      fiber.addObserver(finished)
      return Fiber.interrupt(fiber)
    })
  }

  private startFailure(child: Child, cause: Cause.Cause<unknown>): ChildStartFailed {
    return new ChildStartFailed({ supervisor: this.path, child: child.id, cause: Cause.squash(cause) })
  }

  private stopOne(child: Child, brutally = false): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.forgetAttempt(child)
      const wasRunning = child.process !== undefined
      return Effect.map(child.terminate(this.context, brutally), (inTime) => {
        if (!inTime) this.report.abandoned(child.id)
        if (wasRunning && child.lastExit !== undefined) this.report.childTerminated(child.id, child.lastExit)
      })
    })
  }

  private find(id: string): Child | undefined {
    return this.children.find((child) => child.id === id)
  }

  private remove(child: Child): void {
    this.children = this.children.filter((other) => other !== child)
  }

  // ---- restarting ---------------------------------------------------------------------------------------------

  private exited(child: Child, process: Process, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    // Stopped by us in the meantime, or an incarnation before the present one.
    if (child.process !== process) return Effect.void
    return Effect.gen({ self: this }, function* () {
      this.report.childTerminated(child.id, exit)
      yield* child.release(this.context, exit)
      if (shouldRestart(child.spec.restart, exit)) return yield* this.restart(child)
      if (child.spec.restart === "temporary") this.remove(child)
      if (child.spec.significant && this.wasLastSignificant()) {
        this.giveUp(new AutoShutdown({ supervisor: this.path, child: child.id }))
      }
    })
  }

  private wasLastSignificant(): boolean {
    switch (this.spec.autoShutdown ?? "never") {
      case "never":
        return false
      case "any_significant":
        return true
      case "all_significant":
        return !this.children.some((child) => child.spec.significant && child.state !== "stopped")
    }
  }

  /** Counts a restart, and takes down what goes with the child; then starts it all, at once or after a while. */
  private restart(child: Child): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (this.isStopping) return
      if (!this.window.add(now(this.context))) {
        this.report.gaveUp(child.id, child.lastExit ?? Exit.void)
        const { maxRestarts, withinMs } = this.window
        return this.giveUp(
          new RestartIntensityExceeded({ supervisor: this.path, child: child.id, maxRestarts, withinMs })
        )
      }
      child.state = "restarting"
      for (const sibling of this.affectedBy(child).toReversed()) {
        if (sibling === child) continue
        yield* this.stopOne(sibling)
        if (sibling.spec.restart === "temporary") this.remove(sibling)
      }
      const attempt = child.countFailure(this.window.withinMs)
      const delayMs = backoffMs(this.spec.backoff, attempt)
      this.report.restarting(child.id, attempt, delayMs)
      if (delayMs === 0) yield* this.startGroup(child)
      else this.waitInBackoff(child, delayMs)
    })
  }

  private affectedBy(child: Child): ReadonlyArray<Child> {
    return affected(this.spec.strategy ?? "one_for_one", this.children, this.children.indexOf(child))
  }

  private startGroup(child: Child): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (const member of this.affectedBy(child)) {
        if (member.state === "running") continue
        const exit = yield* this.startNow(member)
        if (this.isStopping) return
        if (Exit.isFailure(exit)) return this.tryAgain(member)
        member.restarts++
      }
    })
  }

  // Through the mailbox, so that a shutdown or a request gets its turn between two attempts.
  private tryAgain(child: Child): void {
    child.state = "restarting"
    const attempt: Attempt = { cancelBackoff: () => {} }
    this.attempts.set(child, attempt)
    this.self.castUnsafe({ _tag: "TryAgain", child, attempt })
  }

  private waitInBackoff(child: Child, delayMs: number): void {
    this.window.pause(now(this.context))
    const resume = (): void => this.window.resume(now(this.context))
    const cancelTimer = after(this.context, delayMs, () => {
      resume()
      this.attempts.set(child, over)
      this.self.castUnsafe({ _tag: "BackoffOver", child, attempt: over })
    })
    const over: Attempt = { cancelBackoff: () => {} }
    this.attempts.set(child, {
      cancelBackoff: () => {
        cancelTimer()
        resume()
      }
    })
  }

  private forgetAttempt(child: Child): void {
    this.attempts.get(child)?.cancelBackoff()
    this.attempts.delete(child)
  }

  // ---- messages -----------------------------------------------------------------------------------------------

  private handle(message: Message): Effect.Effect<void> | undefined {
    // Whoever still waits for an answer learns from the exit that the supervisor is gone.
    if (this.isStopping) return undefined
    switch (message._tag) {
      case "Exited":
        return this.exited(message.child, message.process, message.exit)
      case "TryAgain":
      case "BackoffOver": {
        const { child, attempt } = message
        if (this.attempts.get(child) !== attempt) return undefined
        this.attempts.delete(child)
        return message._tag === "TryAgain" ? this.restart(child) : this.startGroup(child)
      }
      case "StartChild":
        return Effect.map(this.addChild(message.spec), (exit) => void message.replyTo.succeed(exit))
      case "TerminateChild":
        return answer(message.replyTo, this.onChild(message.id, this.terminateOne))
      case "RestartChild":
        return answer(message.replyTo, this.onChild(message.id, this.restartOne))
      case "DeleteChild":
        return answer(message.replyTo, this.onChild(message.id, this.deleteOne))
    }
  }

  private addChild(
    spec: ChildSpec<Process, unknown, unknown>
  ): Effect.Effect<Exit.Exit<Process | undefined, unknown>> {
    return Effect.gen({ self: this }, function* (): Effect.fn.Return<
      Exit.Exit<Process | undefined, unknown>
    > {
      const existing = this.find(spec.id)
      if (existing?.state === "stopped") return Exit.fail(new ChildAlreadyPresent(this.about(spec.id)))
      if (existing !== undefined) return Exit.fail(new ChildAlreadyStarted(this.about(spec.id)))
      const reason = invalidChild(spec, this.spec.autoShutdown)
      if (reason !== undefined) return Exit.fail(new InvalidSupervisorSpec({ supervisor: this.path, reason }))
      const child = new Child(spec)
      const exit = yield* this.startNow(child)
      if (Exit.isFailure(exit)) return Exit.failCause(exit.cause)
      if (child.process !== undefined || spec.restart !== "temporary") this.children.push(child)
      return Exit.succeed(child.process)
    })
  }

  private terminateOne(child: Child): Effect.Effect<Exit.Exit<void>> {
    return Effect.map(this.stopOne(child), () => {
      if (child.spec.restart === "temporary") this.remove(child)
      return Exit.void
    })
  }

  private restartOne(
    child: Child
  ): Effect.Effect<Exit.Exit<Process | undefined, NotStopped | ChildStartFailed>> {
    const refusal = this.notStopped(child)
    if (refusal !== undefined) return Effect.succeed(Exit.fail(refusal))
    return Effect.map(this.startNow(child), (exit) =>
      Exit.isSuccess(exit) ? Exit.succeed(child.process) : Exit.fail(this.startFailure(child, exit.cause))
    )
  }

  private deleteOne(child: Child): Effect.Effect<Exit.Exit<void, NotStopped>> {
    const refusal = this.notStopped(child)
    if (refusal !== undefined) return Effect.succeed(Exit.fail(refusal))
    this.remove(child)
    return Effect.succeed(Exit.void)
  }

  private notStopped(child: Child): NotStopped | undefined {
    if (child.state === "stopped") return undefined
    return child.state === "restarting"
      ? new ChildRestarting(this.about(child.id))
      : new ChildAlreadyStarted(this.about(child.id))
  }

  private onChild<A, E>(
    id: string,
    operate: (this: this, child: Child) => Effect.Effect<Exit.Exit<A, E>>
  ): Effect.Effect<Exit.Exit<A, E | ChildNotFound>> {
    const child = this.find(id)
    return child === undefined
      ? Effect.succeed(Exit.fail(new ChildNotFound(this.about(id))))
      : operate.call(this, child)
  }

  private about(child: string): { readonly supervisor: string; readonly child: string } {
    return { supervisor: this.path, child }
  }

  // ---- requests -----------------------------------------------------------------------------------------------

  private request<A, E>(make: (replyTo: Answer<A, E>) => Message): Effect.Effect<A, E | SupervisorStopped> {
    return Effect.flatMap(
      Effect.mapError(this.self.call(make), () => new SupervisorStopped({ supervisor: this.path })),
      (exit) => exit
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
    return this.request<Process | undefined, unknown>((replyTo) => ({
      _tag: "StartChild",
      spec,
      replyTo
    })) as Effect.Effect<P | undefined, Failure | SupervisorStopped>
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
    return this.request<void, ChildNotFound | NotStopped>((replyTo) => ({
      _tag: "DeleteChild",
      id,
      replyTo
    }))
  }

  // ---- looking in ---------------------------------------------------------------------------------------------

  pollExit(): Exit.Exit<unknown, unknown> | undefined {
    return this.self.pollExit()
  }

  onExit(observer: ExitObserver): () => void {
    return this.self.onExit(observer)
  }

  inspect(): ProcessInfo {
    return this.self.inspect()
  }

  whichChildren(): ReadonlyArray<ChildInfo> {
    return this.children.map((child) => child.info())
  }

  countChildren(): ChildCounts {
    const supervisors = this.children.filter((child) => child.spec.type === "supervisor").length
    return {
      specs: this.children.length,
      active: this.children.filter((child) => child.state === "running").length,
      supervisors,
      workers: this.children.length - supervisors
    }
  }

  child(id: string): Process | undefined {
    return this.find(id)?.info().process
  }

  snapshotChildren(options: SnapshotOptions): ReadonlyArray<TreeNode> {
    return this.children.map((child) => child.snapshot(this.context, this.path, options))
  }

  snapshot(options: SnapshotOptions = {}): TreeNode {
    const exit = this.pollExit()
    return {
      id: this.id,
      path: this.path,
      type: "supervisor",
      state: exit !== undefined ? "stopped" : this.isStopping ? "stopping" : "running",
      restarts: 0,
      uptimeMs: exit === undefined ? now(this.context) - this.startedAt : undefined,
      mailboxDepth: this.inspect().mailboxDepth,
      lastExit: exit === undefined ? undefined : describeExit(exit),
      childCount: this.children.length,
      children: this.snapshotChildren(options)
    }
  }
}

const answer = <A, E>(
  replyTo: Answer<A, E>,
  operation: Effect.Effect<Exit.Exit<A, E>>
): Effect.Effect<void> => Effect.map(operation, (exit) => void replyTo.succeed(exit))

const invalidChild = (
  spec: ChildSpec<Process, unknown, unknown>,
  autoShutdown: AutoShutdownPolicy = "never"
): string | undefined => {
  if (spec.id === "") return "a child without an id"
  if (!spec.significant) return undefined
  if (spec.restart === "permanent") return `${spec.id}: a permanent child cannot be significant`
  if (autoShutdown === "never") return `${spec.id}: significant, but autoShutdown is never`
  return undefined
}

const invalidSpec = (spec: SupervisorSpec<unknown, unknown>): string | undefined => {
  const ids = spec.children.map((child) => child.id)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) return `two children called ${twice}`
  return spec.children
    .map((child) => invalidChild(child, spec.autoShutdown))
    .find((reason) => reason !== undefined)
}

/**
 * The context children run in: that of the supervisor, and their path. It is flat, because each child adds its scope
 * to it, and without the span in which the supervisor happened to be started: that ends, and children do not.
 */
export const childContext = (context: Context.Context<never>, path: string): Context.Context<unknown> => {
  const services = new Map(context.mapUnsafe)
  services.delete(Tracer.ParentSpan.key)
  services.set(SupervisorPath.key, path)
  return Context.makeUnsafe(services)
}

/**
 * Starts a supervisor and its children, in order. It fails if one of them does, after stopping those that had
 * started. Closing the scope stops the tree in reverse order and waits for it.
 */
export const start = <E, R>(
  spec: SupervisorSpec<E, R>
): Effect.Effect<Supervisor<R>, ChildStartFailed | InvalidSupervisorSpec, R | Scope.Scope> =>
  Effect.withFiber((fiber) =>
    new StaticSupervisor(spec as SupervisorSpec<unknown, unknown>, fiber.context).start()
  )

/**
 * Runs a tree until its root ends: the body of `main`. Fails with what made the root give up, so that the process
 * exits non-zero, after everything that still stood has been stopped in reverse order. Interruption is an orderly
 * shutdown; so is `autoShutdown`, which succeeds.
 */
export const launch = <E, R>(
  spec: SupervisorSpec<E, R>,
  onStarted: (supervisor: Supervisor<R>) => Effect.Effect<void, never, R> = () => Effect.void
): Effect.Effect<void, ChildStartFailed | InvalidSupervisorSpec | RestartIntensityExceeded, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const root = yield* start(spec)
      yield* onStarted(root)
      const exit = yield* awaitExit(root)
      if (Exit.isSuccess(exit)) return
      const error = Cause.squash(exit.cause)
      if (error instanceof RestartIntensityExceeded) return yield* error
      if (exitReason(exit) !== "shutdown") return yield* Effect.failCause(Cause.die(error))
    })
  )
