/**
 * A child process on a leash: it never outlives the process that started it, not even when that one is killed with
 * SIGKILL. Owns spawning, collecting output and signals; what the program is and when it is ready is for the callers.
 */
import { type ChildProcess, spawn as spawnProcess } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"

export interface ChildExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ChildOptions {
  readonly cwd?: string
  /** The whole environment of the child; nothing is inherited. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Run as this user; needs root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
  /** The signal that ends the child when its parent is gone; SIGKILL follows three seconds later. */
  readonly leash?: "KILL" | "QUIT" | "TERM"
}

// The child's parent holds the other end of descriptor 3. A line on it lets the watcher go, end of file means that the
// parent is gone. The watcher is orphaned on purpose, since Postgres takes an unknown child of its own for a crash.
const leash = `signal=$1; shift
( ( read -r _ <&3 || { kill -$signal $$; kill -CONT $$; sleep 3; kill -KILL $$; } ) >/dev/null 2>&1 & )
exec "$@" 3<&-`

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // A zombie still takes signals.
  const status = `/proc/${pid}/stat`
  return !existsSync(status) || !/^\d+ \(.*\) [ZX]/s.test(readFileSync(status, "utf8"))
}

const childrenOf = (pid: number): ReadonlyArray<number> => {
  const list = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(list)) return []
  return readFileSync(list, "utf8").split(" ").filter(Boolean).map(Number)
}

const signalAll = (pids: ReadonlyArray<number>, signal: NodeJS.Signals) => {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It is gone already.
    }
  }
}

/** See {@link spawn}. */
export class Child {
  readonly pid: number
  /** Settles when the process has ended and its output is complete; never rejects. */
  readonly exited: Promise<ChildExit>
  #output = ""
  #exit: ChildExit | undefined
  #watchers = new Set<() => void>()

  constructor(child: ChildProcess, pid: number) {
    this.pid = pid
    const letGo = child.stdio[3]
    if (letGo instanceof Writable) letGo.on("error", () => {})
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text
        this.#notify()
      })
    }
    this.exited = new Promise((resolve) => {
      child.once("exit", () => letGo instanceof Writable && letGo.end("go\n"))
      child.once("close", (code, signal) => {
        this.#exit = { code, signal }
        this.#notify()
        resolve(this.#exit)
      })
    })
  }

  #notify() {
    for (const watcher of [...this.#watchers]) watcher()
  }

  /** Everything written to stdout and stderr so far, in the order it arrived. */
  get output(): string {
    return this.#output
  }

  get isRunning(): boolean {
    return this.#exit === undefined
  }

  /** The first match in the output; rejects with the output when the process ends, or time runs out, before it. */
  waitForOutput(pattern: RegExp, options: { readonly from?: number; readonly deadline?: number } = {}) {
    const { deadline = 20_000, from = 0 } = options
    return new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.#output.slice(from))
        const exit = this.#exit
        if (match !== null) settle(() => resolve(match))
        else if (exit !== undefined) settle(() => reject(this.#failure(`ended (${describe(exit)})`, pattern)))
      }
      const timer = setTimeout(
        () => settle(() => reject(this.#failure(`is silent for ${deadline} ms`, pattern))),
        deadline
      )
      const settle = (how: () => void) => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        how()
      }
      this.#watchers.add(look)
      look()
    })
  }

  #failure(what: string, pattern: RegExp) {
    return new Error(
      `process ${this.pid} ${what} without writing ${pattern}; it wrote:\n${this.#output || "nothing"}`
    )
  }

  /** Sends a signal to the process alone; does nothing when it has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) signalAll([this.pid], signal)
  }

  /** Sends a signal to the process and then to its children, as stopping or losing the whole server would. */
  signalTree(signal: NodeJS.Signals): void {
    if (!this.isRunning) return
    const children = childrenOf(this.pid)
    signalAll([this.pid, ...children], signal)
  }

  /** SIGKILL to the process and its children; returns when none of them is left. */
  async kill9(): Promise<void> {
    if (!this.isRunning) return
    // Stopped, it makes no further children while the list is read.
    this.signal("SIGSTOP")
    const children = childrenOf(this.pid)
    signalAll([this.pid, ...children], "SIGKILL")
    await this.exited
    while (children.some(isAlive)) await sleep(5)
  }

  /** Asks it to end by a signal and insists with SIGKILL after the given milliseconds. */
  async end(signal: NodeJS.Signals, patience: number): Promise<ChildExit> {
    this.signal(signal)
    this.signal("SIGCONT")
    const timer = setTimeout(() => void this.kill9(), patience)
    const exit = await this.exited
    clearTimeout(timer)
    return exit
  }
}

export const describe = (exit: ChildExit): string =>
  exit.signal === null ? `exit code ${exit.code}` : `by ${exit.signal}`

/** Starts a program in a process group of its own, so that Ctrl-C in the terminal does not reach it by itself. */
export const spawn = async (
  command: string,
  args: ReadonlyArray<string>,
  options: ChildOptions = {}
): Promise<Child> => {
  const child = spawnProcess("/bin/sh", ["-c", leash, "sh", options.leash ?? "KILL", command, ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.user ?? {})
  })
  return await new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("spawn", () => resolve(new Child(child, child.pid!)))
  })
}
