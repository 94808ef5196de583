/**
 * Children on strings: a test makes them end, fail to start or refuse to stop, and reads from one log what their
 * supervisors did. `+a` is the start of `a`, `!a` a start that failed, `-a` its stop, `~a` the end it came to by
 * itself; a supervisor's own are told by its children's.
 */
import { Effect, Exit } from "effect"
import { Killed, shutdown } from "../../../src/actors/process/ExitReason.ts"
import { ProcessBase, type ProcessInfo } from "../../../src/actors/process/Process.ts"
import * as ChildSpec from "../../../src/supervisors/ChildSpec.ts"

export const crash = (message = "boom"): Exit.Exit<never> => Exit.die(new Error(message))

class PuppetProcess extends ProcessBase {
  /** Ignores the request to stop; only a kill ends it. */
  isStubborn = false

  end(exit: Exit.Exit<unknown, unknown>): void {
    this.exited(exit)
  }

  shutdown(): void {
    if (!this.isStubborn) this.end(shutdown)
  }

  kill(): void {
    this.end(Exit.fail(new Killed({ process: this.id })))
  }

  inspect(): ProcessInfo {
    return { state: this.pollExit() === undefined ? "running" : "exited" }
  }
}

export class Puppets {
  log: Array<string> = []
  /** Incarnations whose scope is open. */
  open = 0
  private readonly running = new Map<string, PuppetProcess>()
  private readonly failures = new Map<string, number>()
  private readonly gates = new Map<string, Effect.Effect<void>>()

  /** A child; `name` tells it apart from puppets of other supervisors. */
  spec(options: ChildSpec.ChildOptions, name = options.id): ChildSpec.ChildSpec<PuppetProcess, string> {
    const start = Effect.gen({ self: this }, function* () {
      yield* this.gates.get(name) ?? Effect.void
      const failures = this.failures.get(name) ?? 0
      if (failures > 0) {
        this.failures.set(name, failures - 1)
        this.log.push(`!${name}`)
        return yield* Effect.fail(`${name} does not start`)
      }
      const process = new PuppetProcess(options.id)
      this.log.push(`+${name}`)
      this.open++
      this.running.set(name, process)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          this.open--
          const exit = process.pollExit()
          this.log.push(exit === shutdown || exit === undefined ? `-${name}` : `~${name}`)
          if (this.running.get(name) === process) this.running.delete(name)
        })
      )
      return process
    })
    return ChildSpec.process({ ...options, start })
  }

  /** Ends the running incarnation, as if by itself. */
  end(name: string, exit: Exit.Exit<unknown, unknown> = crash()): void {
    this.process(name).end(exit)
  }

  failStarts(name: string, times: number): void {
    this.failures.set(name, times)
  }

  /** Has the next starts wait for an effect. */
  gateStarts(name: string, gate: Effect.Effect<void>): void {
    this.gates.set(name, gate)
  }

  process(name: string): PuppetProcess {
    const process = this.running.get(name)
    if (process === undefined) throw new Error(`${name} does not run`)
    return process
  }

  names(): ReadonlyArray<string> {
    return Array.from(this.running.keys()).toSorted()
  }

  /** The log since the last time, as one line. */
  take(): string {
    const line = this.log.join(" ")
    this.log = []
    return line
  }
}
