/**
 * Child specifications: what a supervisor must know to start a child, judge its end, and stop it. The defaults are
 * OTP's: `permanent`, five seconds to stop for a worker, as long as it takes for a supervisor.
 *
 * `start` is OTP's `start_link`: it runs in a Scope of the child's own, succeeds when the child is initialised, and
 * hands over the process to watch. The supervisor closes that Scope after the process has ended, before a restart;
 * so whatever the child acquires in `start` is released with it. `undefined` instead of a process is OTP's `ignore`:
 * the child has nothing to run, and is kept as a stopped one.
 */
import { type Duration, Effect, Layer, type Scope } from "effect"
import { type Actor, type ActorOptions, startIn } from "../actors/process/Actor.ts"
import { fromEffect, ofResource, type Process } from "../actors/process/Process.ts"
import {
  type DynamicSupervisor,
  type DynamicSupervisorSpec,
  start as startDynamic
} from "./DynamicSupervisor.ts"
import type { Restart } from "./RestartStrategy.ts"
import { type Supervisor, type SupervisorSpecOf, start as startStatic } from "./Supervisor.ts"
import type { ChildStartFailed, InvalidSupervisorSpec } from "./SupervisorErrors.ts"

/**
 * How a child is stopped. A duration: it is asked to end, and killed when it takes longer; the time includes the
 * finalizers of its scope. `brutal_kill`: interrupted at once and not waited for.
 */
export type Shutdown = "brutal_kill" | "infinity" | Duration.Input

export interface ChildOptions {
  /** Unique among its siblings; part of the path by which the child is found. */
  readonly id: string
  /** Default `permanent`. */
  readonly restart?: Restart | undefined
  /** Default 5 seconds for workers, `infinity` for supervisors. */
  readonly shutdown?: Shutdown | undefined
  /** Whether its end can end the supervisor; see `AutoShutdown`. Not for `permanent` children. Default false. */
  readonly significant?: boolean | undefined
}

export interface ChildSpec<out P extends Process = Process, out E = unknown, out R = never> {
  readonly id: string
  readonly type: "worker" | "supervisor"
  readonly restart: Restart
  readonly shutdown: Shutdown
  readonly significant: boolean
  readonly start: Effect.Effect<P | undefined, E, R | Scope.Scope>
}

export type AnyChildSpec = ChildSpec<Process, unknown, unknown>

/** What a child needs, or any of several. */
export type Requirements<C> = C extends ChildSpec<Process, unknown, infer R> ? R : never

type Needs<R> = Exclude<R, Scope.Scope>

const make = <P extends Process, E, R>(
  options: ChildOptions,
  type: ChildSpec["type"],
  start: Effect.Effect<P | undefined, E, R>
): ChildSpec<P, E, Needs<R>> => ({
  id: options.id,
  type,
  restart: options.restart ?? "permanent",
  shutdown: options.shutdown ?? (type === "supervisor" ? "infinity" : "5 seconds"),
  significant: options.significant ?? false,
  start: start as Effect.Effect<P | undefined, E, Needs<R> | Scope.Scope>
})

/** The general form: any effect that starts a process. */
export const process = <P extends Process, E, R>(
  options: ChildOptions & { readonly start: Effect.Effect<P | undefined, E, R> }
): ChildSpec<P, E, Needs<R>> => make(options, "worker", options.start)

/** A loop, or anything that runs: its exit is the child's exit. Ends by interruption. */
export const worker = <A, E, R>(
  options: ChildOptions & { readonly run: Effect.Effect<A, E, R> }
): ChildSpec<Process, never, Needs<R>> => make(options, "worker", fromEffect(options.id, options.run))

/** A worker with something to do before it counts as started; `run` gets what `init` made. */
export const workerWith = <S, EI, RI, A, E, R>(
  options: ChildOptions & {
    readonly init: Effect.Effect<S, EI, RI>
    readonly run: (started: S) => Effect.Effect<A, E, R>
  }
): ChildSpec<Process, EI, Needs<R | RI>> =>
  make(
    options,
    "worker",
    Effect.flatMap(options.init, (started) => fromEffect(options.id, options.run(started)))
  )

/**
 * A Layer, built anew at each start, apart from any other building of the same Layer. With `run` the child is that
 * effect, using the Layer's services; without, the child stands for the resources and ends only when it is stopped.
 */
export const layer = <ROut, EL, RIn, A = never, E = never, R = never>(
  options: ChildOptions & {
    readonly layer: Layer.Layer<ROut, EL, RIn>
    readonly run?: Effect.Effect<A, E, R>
  }
): ChildSpec<Process, EL, Needs<RIn | Exclude<R, ROut>>> => {
  const { id, run } = options
  return make(
    options,
    "worker",
    Effect.flatMap(Layer.build(Layer.fresh(options.layer)), (services) =>
      run === undefined ? Effect.succeed(ofResource(id)) : fromEffect(id, Effect.provide(run, services))
    )
  )
}

/** An actor. */
export const actor = <Message, State, E = never, R = never>(
  options: ChildOptions & Omit<ActorOptions<Message, State, E, R>, "id">
): ChildSpec<Actor<Message>, E, Needs<R>> => make(options, "worker", startIn(options))

/** A supervisor below this one. */
export const supervisor = <C extends AnyChildSpec>(
  spec: ChildOptions & SupervisorSpecOf<C>
): ChildSpec<Supervisor<Requirements<C>>, ChildStartFailed | InvalidSupervisorSpec, Needs<Requirements<C>>> =>
  make(spec, "supervisor", startStatic<C>(spec))

/** A supervisor of children that come and go. `R` is what they may need. */
export const dynamic = <R = never, Extra = void>(
  spec: ChildOptions & DynamicSupervisorSpec<Extra>
): ChildSpec<DynamicSupervisor<R, Extra>, never, R> =>
  make(spec, "supervisor", startDynamic<R, Extra>(spec)) as ChildSpec<DynamicSupervisor<R, Extra>, never, R>
