/**
 * One child of a supervisor: its spec, its present incarnation, and how to start and stop that. When to do so, and
 * what it means for the siblings, is the supervisor's business.
 */
import { Context, Duration, Effect, Exit, type Fiber, Scope } from "effect"
import { describeExit, Killed } from "../actors/ExitReason.ts"
import { awaitExit, type Process } from "../actors/Process.ts"
import { after, now } from "../actors/Timers.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import {
  type ChildInfo,
  type ChildState,
  isParent,
  type SnapshotOptions,
  type TreeNode
} from "./Introspection.ts"

/** The path of the supervisor that an effect is started under, empty above the root. */
export const SupervisorPath = Context.Reference<string>("messaging-service/supervisors/SupervisorPath", {
  defaultValue: () => ""
})

export class Child<R = unknown> {
  readonly spec: ChildSpec<Process, unknown, R>
  state: ChildState = "stopped"
  process: Process | undefined = undefined
  /** Starts after the first one. */
  restarts = 0
  lastExit: Exit.Exit<unknown, unknown> | undefined = undefined
  private scope: Scope.Closeable | undefined = undefined
  private unwatch: (() => void) | undefined = undefined
  private startedAt = 0
  private livedMs = 0
  /** Failures in a row. */
  private failures = 0

  constructor(spec: ChildSpec<Process, unknown, R>) {
    this.spec = spec
  }

  get id(): string {
    return this.spec.id
  }

  /** Starts an incarnation; fails as the child's start fails, with nothing left behind. */
  start(context: Context.Context<R>): Effect.Effect<void, unknown> {
    return Effect.uninterruptibleMask((restore) => {
      const scope = Scope.makeUnsafe()
      this.scope = scope
      this.state = "starting"
      const starting = Effect.provideContext(this.spec.start, Context.add(context, Scope.Scope, scope))
      return Effect.flatMap(Effect.exit(restore(starting)), (exit): Effect.Effect<void, unknown> => {
        if (Exit.isFailure(exit)) {
          this.state = "stopped"
          this.scope = undefined
          this.lastExit = exit
          return Effect.andThen(Scope.close(scope, exit), Exit.asVoid(exit))
        }
        const process = exit.value
        if (process === undefined) {
          this.state = "stopped"
          this.scope = undefined
          return Scope.close(scope, Exit.void)
        }
        this.process = process
        this.state = "running"
        this.startedAt = now(context)
        return Effect.void
      })
    })
  }

  /** Calls `exited`, once, when the incarnation ends by itself; not when it is stopped. */
  watch(exited: (process: Process, exit: Exit.Exit<unknown, unknown>) => void): void {
    const process = this.process
    if (process === undefined) return
    const unwatch = process.onExit((exit) => exited(process, exit))
    if (this.process === process) this.unwatch = unwatch
  }

  /** After the process ended by itself: releases what the incarnation held. */
  release(context: Context.Context<never>, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    this.lastExit = exit
    this.livedMs = now(context) - this.startedAt
    this.process = undefined
    this.unwatch = undefined
    this.state = "stopped"
    const scope = this.scope
    this.scope = undefined
    const closing = scope === undefined ? undefined : Scope.closeUnsafe(scope, exit)
    return closing === undefined ? Effect.void : Effect.asVoid(this.withinLimit(context, closing))
  }

  /**
   * Stops the incarnation as its spec says and releases what it held. False if it did not end in time: then it was
   * killed, and its finalizers run on without anyone waiting for them.
   */
  terminate(context: Context.Context<never>, brutally = false): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const { process, scope } = this
      this.unwatch?.()
      this.unwatch = undefined
      this.scope = undefined
      if (process === undefined || scope === undefined) {
        this.state = "stopped"
        return Effect.succeed(true)
      }
      this.state = "stopping"
      if (brutally || this.spec.shutdown === "brutal_kill") process.kill()
      else process.shutdown()
      const ending = Effect.flatMap(awaitExit(process), (exit) => Scope.close(scope, exit))
      return Effect.map(this.withinLimit(context, ending, brutally), (inTime) => {
        if (!inTime) process.kill()
        this.lastExit = process.pollExit() ?? Exit.fail(new Killed({ process: this.id }))
        this.process = undefined
        this.state = "stopped"
        return inTime || process.pollExit() !== undefined
      })
    })
  }

  /** Counts a failure and returns how many there were in a row, without an incarnation living `stableMs` between. */
  countFailure(stableMs: number): number {
    if (this.livedMs >= stableMs) this.failures = 0
    this.livedMs = 0
    return ++this.failures
  }

  /** Runs the last steps to their end, and returns whether they ended within the shutdown time of the spec. */
  private withinLimit(
    context: Context.Context<never>,
    ending: Effect.Effect<void>,
    brutally = false
  ): Effect.Effect<boolean> {
    return Effect.callback((resume) => {
      const fiber: Fiber.Fiber<void> = Effect.runForkWith(context)(ending, { uninterruptible: true })
      if (fiber.pollUnsafe() !== undefined) return resume(Effect.succeed(true))
      const { shutdown } = this.spec
      if (brutally || shutdown === "brutal_kill") return resume(Effect.succeed(true))
      const limitMs = shutdown === "infinity" ? Number.POSITIVE_INFINITY : Duration.toMillis(shutdown)
      const cancel = Number.isFinite(limitMs)
        ? after(context, limitMs, () => resume(Effect.succeed(false)))
        : undefined
      fiber.addObserver(() => {
        cancel?.()
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

  snapshot(context: Context.Context<never>, parentPath: string, options: SnapshotOptions): TreeNode {
    const process = this.process
    return {
      id: this.id,
      path: joinPath(parentPath, this.id),
      type: this.spec.type,
      state: this.state,
      restarts: this.restarts,
      uptimeMs: process === undefined ? undefined : now(context) - this.startedAt,
      mailboxDepth: process?.inspect().mailboxDepth,
      lastExit: this.lastExit === undefined ? undefined : describeExit(this.lastExit),
      childCount: isParent(process) ? process.countChildren().specs : undefined,
      children: isParent(process) ? process.snapshotChildren(options) : undefined
    }
  }
}

export const joinPath = (parent: string, id: string): string => (parent === "" ? id : `${parent}/${id}`)
