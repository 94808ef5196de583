/**
 * The children of a static supervisor in their order, and what is done to one of them at a time: start it, stop it,
 * look at it. Which one, when and why is decided in `StaticSupervisor.ts`.
 */
import { Effect, Exit, Fiber } from "effect"
import { Child, type ChildOwner } from "./Child.ts"
import type { AnyChildSpec } from "./ChildSpec.ts"
import type { ChildCounts, ChildInfo, SnapshotOptions, TreeNode } from "./Introspection.ts"
import type { SupervisorReport } from "./SupervisorReport.ts"

export class ChildList {
  private readonly owner: ChildOwner
  private readonly report: SupervisorReport
  private children: ReadonlyArray<Child> = []
  /** The child being started. */
  private starting: Fiber.Fiber<void, unknown> | undefined = undefined
  private isClosed = false

  constructor(owner: ChildOwner, report: SupervisorReport) {
    this.owner = owner
    this.report = report
  }

  get all(): ReadonlyArray<Child> {
    return this.children
  }

  find(id: string): Child | undefined {
    return this.children.find((child) => child.id === id)
  }

  /** Appends a child that does not run yet. */
  add(spec: AnyChildSpec): Child {
    const child = new Child(spec, this.owner)
    this.children = [...this.children, child]
    return child
  }

  remove(child: Child): void {
    this.children = this.children.filter((other) => other !== child)
  }

  /**
   * Starts a child, and waits until it is initialised or has failed. Interrupted, it takes the start back. A temporary
   * child with nothing to run is not kept.
   */
  start(child: Child): Effect.Effect<Exit.Exit<void, unknown>> {
    return Effect.callback((resume) => {
      if (this.isClosed) {
        resume(Effect.succeed(Exit.interrupt()))
        return
      }
      const fiber = child.start()
      this.starting = fiber
      fiber.addObserver((exit) => {
        this.starting = undefined
        if (Exit.isSuccess(exit)) this.report.childStarted(child.id)
        else if (!this.isClosed) this.report.startFailed(child.id, exit)
        const isIgnored = Exit.isSuccess(exit) && child.process === undefined
        if (isIgnored && child.spec.restart === "temporary") this.remove(child)
        child.watch()
        resume(Effect.succeed(exit))
      })
      // The child may have asked for the end of its supervisor, with more of its start to come.
      if (this.isClosed) fiber.interruptUnsafe()
      return Fiber.interrupt(fiber)
    })
  }

  /** Lets no more child start, and cuts short the one that is being started. */
  close(): void {
    this.isClosed = true
    this.starting?.interruptUnsafe()
  }

  stop(child: Child, brutally = false): Effect.Effect<void> {
    return Effect.suspend(() => {
      const wasRunning = child.process !== undefined
      return Effect.map(child.terminate(brutally), (inTime) => {
        if (!inTime) this.report.abandoned(child.id)
        if (wasRunning && child.lastExit !== undefined) this.report.childTerminated(child.id, child.lastExit)
      })
    })
  }

  /** In reverse order. */
  stopAll(brutally: boolean): Effect.Effect<void> {
    return Effect.forEach(this.children.toReversed(), (child) => this.stop(child, brutally), {
      discard: true
    })
  }

  killAll(): void {
    for (const child of this.children.toReversed()) child.process?.kill()
  }

  infos(): ReadonlyArray<ChildInfo> {
    return this.children.map((child) => child.info())
  }

  counts(): ChildCounts {
    const supervisors = this.children.filter((child) => child.spec.type === "supervisor").length
    return {
      specs: this.children.length,
      active: this.children.filter((child) => child.state === "running").length,
      supervisors,
      workers: this.children.length - supervisors
    }
  }

  snapshot(options: SnapshotOptions): ReadonlyArray<TreeNode> {
    return this.children.map((child) => child.snapshot(options))
  }
}
