/**
 * What OTP calls a pid: something that runs, ends exactly once, and tells whoever watches. Actors, supervisors and
 * supervised fibers are all processes, and a supervisor knows nothing else about its children.
 *
 * Watching costs one callback and no fiber. Asking a process to end returns at once; `stop` also waits.
 */
import { Effect, Exit, Fiber, type Scope } from "effect"
import { Killed, shutdown } from "./ExitReason.ts"

export type ProcessState = "running" | "stopping" | "exited"

export interface ProcessInfo {
  readonly state: ProcessState
  /** Messages accepted and not yet handled; absent where there is no mailbox. */
  readonly mailboxDepth?: number
}

export type ExitObserver = (exit: Exit.Exit<unknown, unknown>) => void

export interface Process {
  readonly id: string
  /** The exit, or undefined while the process lives. */
  readonly pollExit: () => Exit.Exit<unknown, unknown> | undefined
  /**
   * Calls `observer` once, with the exit; at once when the process has ended already. Returns a function that
   * takes the observer away again. This is OTP's monitor.
   */
  readonly onExit: (observer: ExitObserver) => () => void
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
  // The usual process has one observer, its supervisor; only more than that pays for a Set.
  private observers: ExitObserver | Set<ExitObserver> | undefined = undefined

  constructor(id: string) {
    this.id = id
  }

  abstract shutdown(): void
  abstract kill(): void
  abstract inspect(): ProcessInfo

  pollExit(): Exit.Exit<unknown, unknown> | undefined {
    return this.exit
  }

  onExit(observer: ExitObserver): () => void {
    if (this.exit !== undefined) {
      observer(this.exit)
      return () => {}
    }
    if (this.observers === undefined) {
      this.observers = observer
    } else if (typeof this.observers === "function") {
      this.observers = new Set([this.observers, observer])
    } else {
      this.observers.add(observer)
    }
    return () => {
      if (this.observers === observer) this.observers = undefined
      else if (this.observers instanceof Set) this.observers.delete(observer)
    }
  }

  /** Records the exit and tells the observers, in the order they came. A second call does nothing. */
  protected exited(exit: Exit.Exit<unknown, unknown>): void {
    if (this.exit !== undefined) return
    this.exit = exit
    const observers = this.observers
    this.observers = undefined
    if (observers === undefined) return
    if (typeof observers === "function") observers(exit)
    else for (const observer of observers) observer(exit)
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
