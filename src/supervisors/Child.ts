/**
 * One child of a supervisor: its spec, its present incarnation, and how to start and stop that. When to do so, and
 * what it means for the siblings, is the supervisor's business.
 */
import { Context, Duration, Effect, Exit, type Fiber, Scope } from "effect"
import { describeExit, Killed } from "../actors/process/ExitReason.ts"
import { awaitExit, type ExitObserver, type Process } from "../actors/process/Process.ts"
import type { Timers } from "../actors/process/Timers.ts"
import type { AnyChildSpec } from "./ChildSpec.ts"
import {
  type ChildInfo,
  type ChildState,
  isParent,
  type SnapshotOptions,
  type TreeNode
} from "./Introspection.ts"
import { joinPath } from "./SupervisorPath.ts"

/** The supervisor, as its children see it. */
export interface ChildOwner {
  readonly path: string
  readonly context: Context.Context<unknown>
  readonly timers: Timers
  /** The incarnation ended by itself. */
  readonly childExited: (child: Child, process: Process, exit: Exit.Exit<unknown, unknown>) => void
}

export class Child implements ExitObserver {
  readonly spec: AnyChildSpec
  state: ChildState = "stopped"
  process: Process | undefined = undefined
  /** Starts after the first one. */
  restarts = 0
  lastExit: Exit.Exit<unknown, unknown> | undefined = undefined
  private readonly owner: ChildOwner
  private scope: Scope.Closeable | undefined = undefined
  private startedAt = 0
  private livedMs = 0
  private failures = 0

  constructor(spec: AnyChildSpec, owner: ChildOwner) {
    this.spec = spec
    this.owner = owner
  }

  get id(): string {
    return this.spec.id
  }

  /** Starts an incarnation; fails as the child's start fails, with nothing left behind. */
  start(): Fiber.Fiber<void, unknown> {
    const scope = Scope.makeUnsafe()
    this.scope = scope
    this.state = "starting"
    const starting = Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.exit(restore(this.spec.start)), (exit): Effect.Effect<void, unknown> => {
        if (Exit.isSuccess(exit) && exit.value !== undefined) {
          this.process = exit.value
          this.state = "running"
          this.startedAt = this.owner.timers.now()
          return Effect.void
        }
        this.state = "stopped"
        this.scope = undefined
        if (Exit.isFailure(exit)) this.lastExit = exit
        return Effect.andThen(Scope.close(scope, exit), Exit.asVoid(exit))
      })
    )
    return Effect.runForkWith(Context.add(this.owner.context, Scope.Scope, scope))(starting)
  }

  /** Has the owner told when the incarnation ends by itself; not when it is stopped. */
  watch(): void {
    this.process?.watch(this)
  }

  processExited(process: Process, exit: Exit.Exit<unknown, unknown>): void {
    if (this.process === process) this.owner.childExited(this, process, exit)
  }

  /** After the incarnation ended by itself: releases what it held. */
  release(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    this.lastExit = exit
    this.livedMs = this.owner.timers.now() - this.startedAt
    this.process = undefined
    this.state = "stopped"
    const scope = this.scope
    this.scope = undefined
    const closing = scope === undefined ? undefined : Scope.closeUnsafe(scope, exit)
    return closing === undefined ? Effect.void : Effect.asVoid(this.withinLimit(closing, false))
  }

  /**
   * Stops the incarnation as its spec says, or brutally, and releases what it held. False if it did not end in time:
   * then it was killed, and its finalizers run on without anyone waiting for them.
   */
  terminate(brutally: boolean): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const { process, scope } = this
      this.scope = undefined
      if (process === undefined || scope === undefined) {
        this.state = "stopped"
        return Effect.succeed(true)
      }
      process.unwatch(this)
      this.state = "stopping"
      if (brutally || this.spec.shutdown === "brutal_kill") process.kill()
      else process.shutdown()
      const ending = Effect.flatMap(awaitExit(process), (exit) => Scope.close(scope, exit))
      return Effect.map(this.withinLimit(ending, brutally), (inTime) => {
        if (!inTime) process.kill()
        this.lastExit = process.pollExit() ?? Exit.fail(new Killed({ process: this.id }))
        this.process = undefined
        this.state = "stopped"
        return inTime
      })
    })
  }

  /** Counts a failure, and returns how many there were in a row, without an incarnation of `stableMs` in between. */
  countFailure(stableMs: number): number {
    if (this.livedMs >= stableMs) this.failures = 0
    this.livedMs = 0
    return ++this.failures
  }

  /** Runs the last steps to their end, and returns whether they ended within the shutdown time of the spec. */
  private withinLimit(ending: Effect.Effect<void>, brutally: boolean): Effect.Effect<boolean> {
    return Effect.callback((resume) => {
      const fiber: Fiber.Fiber<void> = Effect.runForkWith(this.owner.context)(ending, {
        uninterruptible: true
      })
      const { shutdown } = this.spec
      if (fiber.pollUnsafe() !== undefined || brutally || shutdown === "brutal_kill") {
        resume(Effect.succeed(true))
        return
      }
      const limitMs = shutdown === "infinity" ? Number.POSITIVE_INFINITY : Duration.toMillis(shutdown)
      const cancel = this.owner.timers.after(limitMs, () => resume(Effect.succeed(false)))
      fiber.addObserver(() => {
        cancel()
        resume(Effect.succeed(true))
      })
    })
  }

  info(): ChildInfo {
    return {
      id: this.id,
      type: this.spec.type,
      state: this.state,
      process: this.state === "running" ? this.process : undefined
    }
  }

  snapshot(options: SnapshotOptions): TreeNode {
    const process = this.process
    const parent = isParent(process) ? process : undefined
    return {
      id: this.id,
      path: joinPath(this.owner.path, this.id),
      type: this.spec.type,
      state: this.state,
      restarts: this.restarts,
      uptimeMs: process === undefined ? undefined : this.owner.timers.now() - this.startedAt,
      mailboxDepth: process?.inspect().mailboxDepth,
      lastExit: this.lastExit === undefined ? undefined : describeExit(this.lastExit),
      childCount: parent?.countChildren().specs,
      children: parent?.snapshotChildren(options)
    }
  }
}
