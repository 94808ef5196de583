/**
 * Supervisors of children that come and go, tens of thousands of them: OTP's `DynamicSupervisor`, always
 * `one_for_one`, starting with no child. To start or stop one costs the same however many there are. This file is the
 * surface; `DynamicSupervisorCell.ts` is the machine.
 *
 * It differs from OTP's in that children start side by side: one that takes long holds up nobody else.
 *
 * With `per: "child"` each child has a restart intensity of its own, and one that uses it up is dropped, instead of
 * taking the supervisor and all its siblings down: what you want where keys come from users and one may be poison.
 */
import { Effect, type Scope } from "effect"
import { type Process, stop } from "../actors/process/Process.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import { DynamicSupervisorCell } from "./DynamicSupervisorCell.ts"
import type { Parent } from "./Introspection.ts"
import type { Backoff, Intensity } from "./RestartStrategy.ts"
import type {
  ChildAlreadyStarted,
  ChildNotFound,
  MaxChildrenReached,
  SupervisorStopped
} from "./SupervisorErrors.ts"

export interface DynamicSupervisorSpec<out Extra = void> {
  readonly id: string
  /** Default: unlimited. */
  readonly maxChildren?: number
  /** Default: 1 restart in 5 seconds, of all children together; with `per: "child"`, of each. */
  readonly intensity?: Intensity & { readonly per?: "supervisor" | "child" }
  readonly backoff?: Backoff
  /** Given to every `startChild` that takes a function. */
  readonly extraArguments?: Extra
}

/** A running dynamic supervisor, whose children may need `R`. */
export interface DynamicSupervisor<in R = never, out Extra = void> extends Parent {
  /**
   * Starts a child and returns its process, or undefined if it had nothing to run. Its own failure to start is the
   * failure here, and the child is not kept. Interrupting the caller gives the start up.
   */
  readonly startChild: <P extends Process, E>(
    spec: ChildSpec<P, E, R> | ((extra: Extra) => ChildSpec<P, E, R>)
  ) => Effect.Effect<P | undefined, E | ChildAlreadyStarted | MaxChildrenReached | SupervisorStopped>
  /** Stops a child by its spec and forgets it. */
  readonly terminateChild: (id: string) => Effect.Effect<void, ChildNotFound>
}

/** Starts a dynamic supervisor. Closing the scope stops all its children, side by side, and waits for them. */
export const start = <R = never, Extra = void>(
  spec: DynamicSupervisorSpec<Extra>
): Effect.Effect<DynamicSupervisor<R, Extra>, never, R | Scope.Scope> =>
  Effect.withFiber((fiber) => {
    const supervisor = new DynamicSupervisorCell(spec, fiber.context)
    return Effect.as(
      Effect.addFinalizer(() => stop(supervisor)),
      supervisor
    )
  })
