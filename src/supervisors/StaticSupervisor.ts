/**
 * The supervisor behind `Supervisor.start`: an actor, as OTP's supervisor is a gen_server. Exits of children and
 * requests come one at a time through its mailbox, so that one restart is never overtaken by another. Only its own
 * end does not wait for its turn: it cuts short a child that is being started.
 */
import { Context, Duration, Effect, Exit, type Scope } from "effect"
import { startIn } from "../actors/process/Actor.ts"
import type { Self } from "../actors/process/Behaviour.ts"
import {
  type AutoShutdown,
  describeExit,
  exitReason,
  type RestartIntensityExceeded
} from "../actors/process/ExitReason.ts"
import { type Process, ProcessBase, type ProcessInfo, stop } from "../actors/process/Process.ts"
import type { ReplyTo } from "../actors/process/ReplyTo.ts"
import { type Timers, timersIn } from "../actors/process/Timers.ts"
import type { Child, ChildOwner } from "./Child.ts"
import { ChildList } from "./ChildList.ts"
import { type ChildRequest, ChildRequests, type NotStopped } from "./ChildRequests.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import type { ChildCounts, ChildInfo, SnapshotOptions, TreeNode } from "./Introspection.ts"
import { type Attempt, type RestartHost, Restarts } from "./Restarts.ts"
import { invalidSpec } from "./SpecRules.ts"
import type { Supervisor, SupervisorSpec } from "./Supervisor.ts"
import {
  type ChildAlreadyPresent,
  type ChildAlreadyStarted,
  type ChildNotFound,
  type ChildStartFailed,
  InvalidSupervisorSpec,
  SupervisorStopped
} from "./SupervisorErrors.ts"
import { childContext, joinPath, SupervisorPath } from "./SupervisorPath.ts"
import { SupervisorReport } from "./SupervisorReport.ts"

type Message =
  | ChildRequest
  | {
      readonly _tag: "Exited"
      readonly child: Child
      readonly process: Process
      readonly exit: Exit.Exit<unknown, unknown>
    }
  | { readonly _tag: "AttemptDue"; readonly attempt: Attempt }

export class StaticSupervisor extends ProcessBase implements Supervisor<unknown>, ChildOwner, RestartHost {
  readonly path: string
  readonly context: Context.Context<unknown>
  readonly timers: Timers
  isStopping = false
  private readonly spec: SupervisorSpec<unknown, unknown>
  private readonly children: ChildList
  private readonly restarts: Restarts
  private readonly requests: ChildRequests
  private readonly startedAt: number
  private self!: Self<Message>

  constructor(spec: SupervisorSpec<unknown, unknown>, context: Context.Context<never>) {
    super(spec.id)
    this.spec = spec
    this.path = joinPath(Context.get(context, SupervisorPath), spec.id)
    this.context = childContext(context, this.path)
    this.timers = timersIn(context)
    const report = new SupervisorReport(this.path, this.context, true)
    this.children = new ChildList(this, report)
    this.restarts = new Restarts(this, spec, this.children, report)
    this.requests = new ChildRequests(this, spec, this.children, this.restarts)
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
        if (Exit.isFailure(exit)) return yield* this.requests.startFailure(child, exit)
      }
    })
  }

  private handle(message: Message): Effect.Effect<void> | undefined {
    // Those who still wait for an answer learn from the exit that the supervisor is gone.
    if (this.isStopping) return undefined
    switch (message._tag) {
      case "Exited":
        return this.restarts.exited(message.child, message.process, message.exit)
      case "AttemptDue":
        return this.restarts.due(message.attempt)
      default:
        return this.requests.handle(message)
    }
  }

  childExited(child: Child, process: Process, exit: Exit.Exit<unknown, unknown>): void {
    this.self.castUnsafe({ _tag: "Exited", child, process, exit })
  }

  attemptDue(attempt: Attempt): void {
    this.self.castUnsafe({ _tag: "AttemptDue", attempt })
  }

  giveUp(reason: RestartIntensityExceeded | AutoShutdown): void {
    this.beginEnd()
    this.self.stop(Exit.fail(reason))
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

  private beginEnd(): void {
    this.isStopping = true
    this.children.close()
    this.restarts.cancelAll()
  }

  /** The last step, however it came to end: the finalizer of the actor's scope. */
  private stopChildren(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    this.beginEnd()
    return this.children.stopAll(exitReason(exit) === "killed")
  }

  // ---- requests -----------------------------------------------------------------------------------------------

  private request<A, E>(
    make: (replyTo: ReplyTo<Exit.Exit<A, E>>) => ChildRequest
  ): Effect.Effect<A, E | SupervisorStopped> {
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
      replyTo: replyTo as ReplyTo<Exit.Exit<Process | undefined, unknown>>
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
