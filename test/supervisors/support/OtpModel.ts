/**
 * OTP's rules for a tree of supervisors, as plainly as they can be written: no time passes while something starts or
 * stops, and each supervisor deals with one message at a time: an exit, or its own note to try a restart again, which
 * queues behind the exits that are there already. What it writes into its log is what `Puppets` writes for a real tree:
 * `+` a start, `!` a start that failed, `-` a stop, `~` the release of a child that had ended by itself.
 */
import type { AutoShutdown, Restart, Strategy } from "../../../src/supervisors/RestartStrategy.ts"

export interface NodeSpec {
  readonly id: string
  readonly kind: "worker" | "supervisor" | "dynamic"
  readonly restart: Restart
  readonly significant: boolean
  readonly strategy: Strategy
  readonly autoShutdown: AutoShutdown
  readonly maxRestarts: number
  readonly withinMs: number
  readonly children: ReadonlyArray<NodeSpec>
}

/** How a child ends by itself. */
export type Ending = "normal" | "shutdown" | "crash"

export class ModelNode {
  readonly spec: NodeSpec
  readonly parent: ModelNode | undefined
  readonly path: string
  state: "running" | "stopped" | "restarting" = "stopped"
  restarts = 0
  attempts = 0
  children: Array<ModelNode> = []
  /** It has ended by itself, and its supervisor does not know yet. */
  hasEnded = false
  private readonly world: OtpModel
  private window: Array<number> = []
  private inbox: Array<() => void> = []

  constructor(world: OtpModel, spec: NodeSpec, parent: ModelNode | undefined) {
    this.world = world
    this.spec = spec
    this.parent = parent
    this.path = parent === undefined ? spec.id : `${parent.path}/${spec.id}`
  }

  start(): boolean {
    const { world, spec } = this
    this.hasEnded = false
    if (spec.kind === "worker") {
      const failures = world.failures.get(this.path) ?? 0
      world.failures.set(this.path, Math.max(0, failures - 1))
      world.log.push(`${failures > 0 ? "!" : "+"}${this.path}`)
      if (failures > 0) return false
    }
    this.window = []
    this.children = []
    for (const childSpec of spec.children) {
      const child = new ModelNode(world, childSpec, this)
      this.children.push(child)
      if (!child.start()) {
        this.stop()
        return false
      }
    }
    this.state = "running"
    return true
  }

  stop(): void {
    if (this.spec.kind === "worker") {
      if (this.state === "running") this.world.log.push(`${this.hasEnded ? "~" : "-"}${this.path}`)
    } else {
      for (const child of this.inStopOrder()) child.stop()
      this.children = []
    }
    this.state = "stopped"
    this.hasEnded = false
  }

  kill(): void {
    if (this.spec.kind === "worker") {
      if (this.state === "running") this.world.log.push(`~${this.path}`)
    } else {
      for (const child of this.inStopOrder()) child.kill()
      this.children = []
    }
    this.state = "stopped"
    this.hasEnded = true
  }

  private inStopOrder(): ReadonlyArray<ModelNode> {
    return this.spec.kind === "dynamic" ? this.children : this.children.toReversed()
  }

  /** Puts a message into the inbox, to be dealt with by `work`. */
  send(message: () => void): void {
    this.inbox.push(message)
  }

  work(): void {
    for (let message = this.inbox.shift(); message !== undefined; message = this.inbox.shift()) message()
  }

  /** A child has ended by itself. */
  childEnded(child: ModelNode, ending: Ending): void {
    if (!child.hasEnded || this.state !== "running") return
    if (child.spec.kind === "worker") this.world.log.push(`~${child.path}`)
    child.hasEnded = false
    child.state = "stopped"
    const { restart } = child.spec
    if (restart === "permanent" || (restart === "transient" && ending === "crash")) {
      this.restartChild(child)
      return
    }
    if (restart === "temporary" || this.spec.kind === "dynamic") this.remove(child)
    if (child.spec.significant && this.endsWithSignificant()) this.giveUp()
  }

  private endsWithSignificant(): boolean {
    if (this.spec.autoShutdown === "never") return false
    if (this.spec.autoShutdown === "any_significant") return true
    return this.children.every((child) => !child.spec.significant || child.state === "stopped")
  }

  /** Restarts a child with its group. Where one of them does not start, it is tried again, by the same rules. */
  private restartChild(child: ModelNode): void {
    const { maxRestarts, withinMs, strategy, kind } = this.spec
    this.window = [...this.window.filter((time) => this.world.now <= time + withinMs), this.world.now]
    if (this.window.length > maxRestarts) {
      if (kind === "dynamic") this.remove(child)
      this.giveUp()
      return
    }
    const alone = kind === "dynamic" || strategy === "one_for_one"
    const group = alone
      ? [child]
      : this.children.slice(strategy === "one_for_all" ? 0 : this.children.indexOf(child))
    for (const other of group.filter((member) => member !== child).toReversed()) {
      other.stop()
      if (other.spec.restart === "temporary") this.remove(other)
    }
    for (const member of group.filter((member) => this.children.includes(member))) {
      if (member.start()) {
        member.restarts++
      } else {
        member.state = "restarting"
        const attempt = ++member.attempts
        this.send(() => {
          if (member.state === "restarting" && member.attempts === attempt) this.restartChild(member)
        })
        return
      }
    }
  }

  /** Ends, because restarting does not help or a significant child has ended. */
  private giveUp(): void {
    this.stop()
    this.inbox = []
    this.hasEnded = true
    this.parent?.send(() => this.parent?.childEnded(this, "shutdown"))
    this.parent?.work()
  }

  remove(child: ModelNode): void {
    this.children = this.children.filter((other) => other !== child)
  }

  find(id: string): ModelNode | undefined {
    return this.children.find((child) => child.spec.id === id)
  }
}

export class OtpModel {
  log: Array<string> = []
  now = 0
  readonly failures = new Map<string, number>()
  readonly root: ModelNode

  constructor(spec: NodeSpec) {
    this.root = new ModelNode(this, spec, undefined)
  }

  /** Every node, parents first. */
  nodes(from: ModelNode = this.root): ReadonlyArray<ModelNode> {
    return [from, ...from.children.flatMap((child) => this.nodes(child))]
  }

  /** Children of one supervisor end at the same time, and their exits arrive in that order. */
  end(children: ReadonlyArray<ModelNode>, ending: Ending): void {
    const supervisor = children[0]!.parent!
    for (const child of children) {
      child.hasEnded = true
      supervisor.send(() => supervisor.childEnded(child, ending))
    }
    supervisor.work()
  }

  kill(node: ModelNode): void {
    node.kill()
    this.end([node], "crash")
  }

  /** The outcome of a request: `ok`, or why it is refused. */
  startChild(supervisor: ModelNode, spec: NodeSpec): string {
    const existing = supervisor.find(spec.id)
    if (existing !== undefined)
      return existing.state === "stopped" ? "ChildAlreadyPresent" : "ChildAlreadyStarted"
    const child = new ModelNode(this, spec, supervisor)
    supervisor.children.push(child)
    if (child.start()) return "ok"
    supervisor.remove(child)
    return "failed"
  }

  terminateChild(supervisor: ModelNode, id: string): string {
    const child = supervisor.find(id)
    if (child === undefined) return "ChildNotFound"
    child.stop()
    if (child.spec.restart === "temporary" || supervisor.spec.kind === "dynamic") supervisor.remove(child)
    return "ok"
  }

  restartChild(supervisor: ModelNode, id: string): string {
    const child = supervisor.find(id)
    if (child === undefined) return "ChildNotFound"
    if (child.state !== "stopped") return "ChildAlreadyStarted"
    return child.start() ? "ok" : "ChildStartFailed"
  }

  deleteChild(supervisor: ModelNode, id: string): string {
    const child = supervisor.find(id)
    if (child === undefined) return "ChildNotFound"
    if (child.state !== "stopped") return "ChildAlreadyStarted"
    supervisor.remove(child)
    return "ok"
  }

  take(): string {
    const line = this.log.join(" ")
    this.log = []
    return line
  }
}
