/**
 * What a static supervisor does about requests concerning a child: start, stop, restart, forget. Each is carried out
 * when its turn has come, and answered with an exit as a value: a child's own failure to start must not look like a
 * failure of the mailbox that brought the request.
 */
import { Cause, Effect, Exit } from "effect"
import type { Process } from "../actors/process/Process.ts"
import type { ReplyTo } from "../actors/process/ReplyTo.ts"
import type { Child } from "./Child.ts"
import type { ChildList } from "./ChildList.ts"
import type { AnyChildSpec } from "./ChildSpec.ts"
import type { Restarts } from "./Restarts.ts"
import { invalidChild } from "./SpecRules.ts"
import type { SupervisorOptions } from "./Supervisor.ts"
import {
  ChildAlreadyPresent,
  ChildAlreadyStarted,
  ChildNotFound,
  ChildRestarting,
  ChildStartFailed,
  InvalidSupervisorSpec
} from "./SupervisorErrors.ts"

export type NotStopped = ChildAlreadyStarted | ChildRestarting

type Answer<A, E> = ReplyTo<Exit.Exit<A, E>>
type Operation<A, E> = Effect.Effect<Exit.Exit<A, E>>

export type ChildRequest =
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

export class ChildRequests {
  private readonly supervisor: { readonly path: string; readonly isStopping: boolean }
  private readonly options: SupervisorOptions
  private readonly children: ChildList
  private readonly restarts: Restarts

  constructor(
    supervisor: { readonly path: string; readonly isStopping: boolean },
    options: SupervisorOptions,
    children: ChildList,
    restarts: Restarts
  ) {
    this.supervisor = supervisor
    this.options = options
    this.children = children
    this.restarts = restarts
  }

  handle(request: ChildRequest): Effect.Effect<void> {
    switch (request._tag) {
      case "StartChild":
        return this.answer(request.replyTo, this.start(request.spec))
      case "TerminateChild":
        return this.answer(request.replyTo, this.withChild(request.id, this.terminate))
      case "RestartChild":
        return this.answer(request.replyTo, this.withChild(request.id, this.restart))
      case "DeleteChild":
        return this.answer(request.replyTo, this.withChild(request.id, this.forget))
    }
  }

  private answer<A, E>(replyTo: Answer<A, E>, operation: Operation<A, E>): Effect.Effect<void> {
    return Effect.map(operation, (exit) => {
      // What the supervisor's end cut short is answered by that end.
      if (!this.supervisor.isStopping) replyTo.succeed(exit)
    })
  }

  private start(spec: AnyChildSpec): Operation<Process | undefined, unknown> {
    const refusal = this.refusal(spec)
    if (refusal !== undefined) return Effect.succeed(Exit.fail(refusal))
    const child = this.children.add(spec)
    return Effect.map(this.children.start(child), (exit): Exit.Exit<Process | undefined, unknown> => {
      if (Exit.isSuccess(exit)) return Exit.succeed(child.process)
      this.children.remove(child)
      return Exit.failCause(exit.cause)
    })
  }

  private refusal(
    spec: AnyChildSpec
  ): ChildAlreadyPresent | ChildAlreadyStarted | InvalidSupervisorSpec | undefined {
    const existing = this.children.find(spec.id)
    if (existing?.state === "stopped") return new ChildAlreadyPresent(this.about(spec.id))
    if (existing !== undefined) return new ChildAlreadyStarted(this.about(spec.id))
    const reason = invalidChild(spec, this.options.autoShutdown)
    const supervisor = this.supervisor.path
    return reason === undefined ? undefined : new InvalidSupervisorSpec({ supervisor, reason })
  }

  private terminate(child: Child): Operation<void, never> {
    return Effect.as(this.restarts.takeDown(child), Exit.void)
  }

  private restart(child: Child): Operation<Process | undefined, NotStopped | ChildStartFailed> {
    const refusal = this.notStopped(child)
    if (refusal !== undefined) return Effect.succeed(Exit.fail(refusal))
    return Effect.map(this.children.start(child), (exit) =>
      Exit.isSuccess(exit) ? Exit.succeed(child.process) : Exit.fail(this.startFailure(child, exit))
    )
  }

  private forget(child: Child): Operation<void, NotStopped> {
    const refusal = this.notStopped(child)
    if (refusal !== undefined) return Effect.succeed(Exit.fail(refusal))
    this.children.remove(child)
    return Effect.succeed(Exit.void)
  }

  private withChild<A, E>(
    id: string,
    operate: (this: this, child: Child) => Operation<A, E>
  ): Operation<A, E | ChildNotFound> {
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

  startFailure(child: Child, exit: Exit.Failure<unknown, unknown>): ChildStartFailed {
    return new ChildStartFailed({ ...this.about(child.id), cause: Cause.squash(exit.cause) })
  }

  private about(child: string): { readonly supervisor: string; readonly child: string } {
    return { supervisor: this.supervisor.path, child }
  }
}
