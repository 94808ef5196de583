/**
 * Looking into a running tree. Everything here reads plain state at once, without asking a supervisor that may be
 * busy restarting: unlike OTP's `which_children` it cannot block.
 */
import type { Process } from "../actors/process/Process.ts"

export type ChildState = "starting" | "running" | "restarting" | "stopping" | "stopped"

/** One child as its supervisor sees it. */
export interface ChildInfo {
  readonly id: string
  readonly type: "worker" | "supervisor"
  readonly state: ChildState
  /** The running process; undefined in any other state. */
  readonly process: Process | undefined
}

/** OTP's `count_children`: how many are specified, run, are supervisors, are workers. */
export interface ChildCounts {
  readonly specs: number
  readonly active: number
  readonly supervisors: number
  readonly workers: number
}

/** A node of the tree; supervisors have children. */
export interface TreeNode {
  readonly id: string
  readonly path: string
  readonly type: "worker" | "supervisor"
  readonly state: ChildState
  /** How often the supervisor started it again. */
  readonly restarts: number
  /** Milliseconds since the last start; undefined while it does not run. */
  readonly uptimeMs: number | undefined
  readonly mailboxDepth: number | undefined
  /** How it ended the last time, such as `crashed: Error: boom`; undefined if it never did. */
  readonly lastExit: string | undefined
  /** Children there are, which may be more than `children` shows. Undefined for workers. */
  readonly childCount: number | undefined
  readonly children: ReadonlyArray<TreeNode> | undefined
}

export interface SnapshotOptions {
  /** At most this many children of each dynamic supervisor. Default 100. */
  readonly maxDynamicChildren?: number
}

/** A process that has children to show. */
export interface Parent extends Process {
  /** Slash-separated ids from the root down to this one. */
  readonly path: string
  readonly whichChildren: () => ReadonlyArray<ChildInfo>
  readonly countChildren: () => ChildCounts
  /** The running child of that id. */
  readonly child: (id: string) => Process | undefined
  readonly snapshotChildren: (options: SnapshotOptions) => ReadonlyArray<TreeNode>
}

export const isParent = (process: Process | undefined): process is Parent =>
  process !== undefined && "snapshotChildren" in process

/** The running process at a path below `parent`, such as `Realtime/Conversations/42`. */
export const lookup = (parent: Parent, path: string): Process | undefined => {
  let found: Process | undefined = parent
  let rest = path
  while (rest !== "" && isParent(found)) {
    // A dynamic child's id may hold slashes of its own: what is left of the path is tried whole first.
    const whole = found.child(rest)
    if (whole !== undefined) return whole
    const slash = rest.indexOf("/")
    if (slash < 0) return undefined
    found = found.child(rest.slice(0, slash))
    rest = rest.slice(slash + 1)
  }
  return rest === "" ? found : undefined
}

/** Every node of a snapshot, parents before their children. */
export const flatten = (node: TreeNode): ReadonlyArray<TreeNode> => [
  node,
  ...(node.children ?? []).flatMap(flatten)
]

/** The tree as text, drawn with lines: one id per line. */
export const draw = (node: TreeNode): string => {
  const lines: Array<string> = [node.id]
  const walk = (children: ReadonlyArray<TreeNode>, indent: string): void => {
    children.forEach((child, index) => {
      const isLast = index === children.length - 1
      lines.push(`${indent}${isLast ? "└─" : "├─"} ${child.id}`)
      walk(child.children ?? [], `${indent}${isLast ? "   " : "│  "}`)
    })
  }
  walk(node.children ?? [], "")
  return lines.join("\n")
}
