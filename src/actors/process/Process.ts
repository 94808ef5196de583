/**
 * What OTP calls a pid: something that runs, ends exactly once, and tells whoever watches. Actors, supervisors and
 * supervised fibers are all processes, and a supervisor knows nothing else about its children.
 *
 * Watching costs no fiber. Asking a process to end returns at once; `stop` also waits.
 */
import { Effect, Exit, Fiber, type Scope } from "effect"
import { Killed, shutdown } from "./ExitReason.ts"

export type ProcessState = "running" | "stopping" | "exited"

export interface ProcessInfo {
  readonly state: ProcessState
  /** Messages accepted and not yet handled; absent where there is no mailbox. */
  readonly mailboxDepth?: number
}

export interface ExitObserver {
  /** Called once, in the turn in which the process ends. Must not throw. */
  readonly processExited: (process: Process, exit: Exit.Exit<unknown, unknown>) => void
}

export interface Process {
  readonly id: string
  /** The exit, or undefined while the process lives. */
  readonly pollExit: () => Exit.Exit<unknown, unknown> | undefined
  /** OTP's monitor: `observer` is told of the exit, at once when the process has ended already. */
  readonly watch: (observer: ExitObserver) => void
  readonly unwatch: (observer: ExitObserver) => void
  /** `watch` with a function. Returns one that takes the request back. */
  readonly onExit: (exited: (exit: Exit.Exit<unknown, unknown>) => void) => () => void
  /** Asks for an orderly end and returns at once: work in hand is finished, finalizers run. */
  readonly shutdown: () => void
  /** Ends it now: work in hand is interrupted, nothing more is handled. Finalizers still run. */
  readonly kill: () => void
  readonly inspect: () => ProcessInfo
}

/** Waits for the end of a process. */
export const awaitExit = (process: Process): Effect.Effect<Exit.Exit<unknown, unknown>> =>
  Effect.callback((resume) => {
    const cancel = process.onExit((exit) => resume(Effect.succeed(exit)))
    return Effect.sync(cancel)
  })

/** Asks a process to end in order and waits until it has. Has no deadline of its own. */
export const stop = (process: Process): Effect.Effect<Exit.Exit<unknown, unknown>> =>
  Effect.suspend(() => {
    process.shutdown()
    return awaitExit(process)
  })

/** The exit and its observers: the part that every kind of process has in common. */
export abstract class ProcessBase implements Process {
  readonly id: string
  private exit: Exit.Exit<unknown, unknown> | undefined = undefined
  // One observer, usually: its supervisor. Memory counts, because a service holds very many processes.
  private observers: ExitObserver | Array<ExitObserver> | Set<ExitObserver> | undefined = undefined

  constructor(id: string) {
    this.id = id
  }

  abstract shutdown(): void
  abstract kill(): void
  abstract inspect(): ProcessInfo

  pollExit(): Exit.Exit<unknown, unknown> | undefined {
    return this.exit
  }

  watch(observer: ExitObserver): void {
    const { exit, observers } = this
    if (exit !== undefined) observer.processExited(this, exit)
    else if (observers === undefined) this.observers = observer
    else if (observers instanceof Set) observers.add(observer)
    else if (!Array.isArray(observers)) this.observers = [observers, observer]
    else if (observers.length < 8) observers.push(observer)
    else this.observers = new Set([...observers, observer])
  }

  unwatch(observer: ExitObserver): void {
    const { observers } = this
    if (observers === observer) this.observers = undefined
    else if (observers instanceof Set) observers.delete(observer)
    else if (Array.isArray(observers)) this.observers = observers.filter((other) => other !== observer)
  }

  onExit(exited: (exit: Exit.Exit<unknown, unknown>) => void): () => void {
    const observer: ExitObserver = { processExited: (_, exit) => exited(exit) }
    this.watch(observer)
    return () => this.unwatch(observer)
  }

  /** Records the exit and tells the observers, in the order they came. A second call does nothing. */
  protected exited(exit: Exit.Exit<unknown, unknown>): void {
    if (this.exit !== undefined) return
    this.exit = exit
    const { observers } = this
    this.observers = undefined
    if (observers === undefined) return
    if (Array.isArray(observers) || observers instanceof Set) {
      for (const observer of observers) observer.processExited(this, exit)
    } else {
      observers.processExited(this, exit)
    }
  }
}

class FiberProcess extends ProcessBase {
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private stopping = false
  private killed = false

  constructor(id: string, fiber: Fiber.Fiber<unknown, unknown>) {
    super(id)
    this.fiber = fiber
    fiber.addObserver((exit) => this.exited(this.killed ? Exit.fail(new Killed({ process: id })) : exit))
  }

  shutdown(): void {
    this.stopping = true
    this.fiber.interruptUnsafe()
  }

  kill(): void {
    this.killed = true
    this.shutdown()
  }

  inspect(): ProcessInfo {
    return { state: this.pollExit() !== undefined ? "exited" : this.stopping ? "stopping" : "running" }
  }
}

/**
 * Runs an effect as a process in the given scope's care: closing the scope interrupts it and waits.
 * Its exit is the effect's own.
 */
export const fromEffect = <A, E, R>(
  id: string,
  run: Effect.Effect<A, E, R>
): Effect.Effect<Process, never, R | Scope.Scope> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      const fiber = yield* Effect.forkDetach(run, { startImmediately: true })
      yield* Effect.addFinalizer(() => Fiber.interrupt(fiber))
      return new FiberProcess(id, fiber)
    })
  )

class ResourceProcess extends ProcessBase {
  shutdown(): void {
    this.exited(shutdown)
  }

  kill(): void {
    this.exited(Exit.fail(new Killed({ process: this.id })))
  }

  inspect(): ProcessInfo {
    return { state: this.pollExit() === undefined ? "running" : "exited" }
  }
}

/** A process that runs nothing: it stands for resources that live as long as the scope they were built in. */
export const ofResource = (id: string): Process => new ResourceProcess(id)
