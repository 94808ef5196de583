/**
 * Supervisors with a fixed order of children: OTP's `supervisor`. It starts its children in order, stops them in
 * reverse, restarts them by its strategy, and ends when that does not help. This file is the surface;
 * `StaticSupervisor.ts` is the machine.
 *
 * Children run in the context the supervisor is started in, so what they need shows in the type of `start`.
 */
import { Cause, Effect, Exit, type Scope } from "effect"
import { exitReason, RestartIntensityExceeded } from "../actors/process/ExitReason.ts"
import { awaitExit, type Process } from "../actors/process/Process.ts"
import type { AnyChildSpec, ChildSpec, Requirements } from "./ChildSpec.ts"
import type { Parent, SnapshotOptions, TreeNode } from "./Introspection.ts"
import type { AutoShutdown, Backoff, Intensity, Strategy } from "./RestartStrategy.ts"
import { StaticSupervisor } from "./StaticSupervisor.ts"
import type {
  ChildAlreadyPresent,
  ChildAlreadyStarted,
  ChildNotFound,
  ChildRestarting,
  ChildStartFailed,
  InvalidSupervisorSpec,
  SupervisorStopped
} from "./SupervisorErrors.ts"

export interface SupervisorOptions {
  readonly id: string
  /** Default `one_for_one`. */
  readonly strategy?: Strategy
  /** Default: 1 restart in 5 seconds. */
  readonly intensity?: Intensity
  /** Default: none, a child is restarted at once. */
  readonly backoff?: Backoff
  /** Default `never`. */
  readonly autoShutdown?: AutoShutdown
}

export interface SupervisorSpec<out E = unknown, out R = never> extends SupervisorOptions {
  /** In the order in which they start. */
  readonly children: ReadonlyArray<ChildSpec<Process, E, R>>
}

/** A spec whose children differ in what they need and how they fail, as `start` takes it. */
export interface SupervisorSpecOf<out C extends AnyChildSpec> extends SupervisorOptions {
  readonly children: ReadonlyArray<C>
}

/**
 * A running supervisor, whose children may need `R`. Requests wait for a restart in progress, as in OTP; so a child
 * must not make one in its own start or last steps.
 */
export interface Supervisor<in R = never> extends Parent {
  /** Starts a further child, the last in order. One that fails to start is not kept. */
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

/**
 * Starts a supervisor and its children, in order. It fails if one of them does, after stopping those that had
 * started. Closing the scope stops the tree in reverse order and waits for it.
 */
export const start = <C extends AnyChildSpec>(
  spec: SupervisorSpecOf<C>
): Effect.Effect<
  Supervisor<Requirements<C>>,
  ChildStartFailed | InvalidSupervisorSpec,
  Requirements<C> | Scope.Scope
> => Effect.withFiber((fiber) => new StaticSupervisor(spec, fiber.context).start())

/**
 * Runs a tree until its root ends: the body of `main`. Fails with what made the root give up, so that the process
 * exits non-zero, after everything that still stood has been stopped in reverse order. Interruption is an orderly
 * shutdown; so is `autoShutdown`, which succeeds.
 */
export const launch = <C extends AnyChildSpec>(
  spec: SupervisorSpecOf<C>,
  onStarted: (supervisor: Supervisor<Requirements<C>>) => Effect.Effect<void, never, Requirements<C>> = () =>
    Effect.void
): Effect.Effect<
  void,
  ChildStartFailed | InvalidSupervisorSpec | RestartIntensityExceeded,
  Requirements<C>
> =>
  Effect.scoped(
    Effect.gen(function* () {
      const root = yield* start<C>(spec)
      yield* onStarted(root)
      const exit = yield* awaitExit(root)
      if (Exit.isSuccess(exit)) return
      const error = Cause.squash(exit.cause)
      if (error instanceof RestartIntensityExceeded) return yield* error
      if (exitReason(exit) !== "shutdown") return yield* Effect.die(error)
    })
  )
