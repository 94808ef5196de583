/**
 * The running tree, for those who look at it from inside the service: the admin edge, metrics, tests. Empty until the
 * root has started.
 */
import { Context, Effect, Layer } from "effect"
import type { Process } from "../actors/process/Process.ts"
import { lookup, type SnapshotOptions, type TreeNode } from "./Introspection.ts"
import type { Supervisor } from "./Supervisor.ts"

export class Tree extends Context.Service<
  Tree,
  {
    readonly started: (root: Supervisor<never>) => Effect.Effect<void>
    readonly snapshot: (options?: SnapshotOptions) => TreeNode | undefined
    /** The running process at a path below the root, such as `Realtime/ConversationSupervisor`. */
    readonly find: (path: string) => Process | undefined
  }
>()("messaging-service/supervisors/Tree") {}

export const layer = Layer.sync(Tree, () => {
  let root: Supervisor<never> | undefined
  return Tree.of({
    started: (supervisor) =>
      Effect.sync(() => {
        root = supervisor
      }),
    snapshot: (options) => root?.snapshot(options),
    find: (path) => (root === undefined ? undefined : lookup(root, path))
  })
})
