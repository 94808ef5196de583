/** Which combinations of a supervisor and its children contradict themselves. Checked before anything is started. */
import type { AnyChildSpec } from "./ChildSpec.ts"
import type { AutoShutdown } from "./RestartStrategy.ts"
import type { SupervisorSpec } from "./Supervisor.ts"

/** What is wrong with a child under a supervisor of that policy, or undefined. */
export const invalidChild = (
  child: AnyChildSpec,
  autoShutdown: AutoShutdown = "never"
): string | undefined => {
  if (child.id === "") return "a child without an id"
  if (!child.significant) return undefined
  if (child.restart === "permanent") return `${child.id} is permanent and cannot be significant`
  if (autoShutdown === "never") return `${child.id} is significant, but autoShutdown is never`
  return undefined
}

/** What is wrong with a supervisor's spec, or undefined. */
export const invalidSpec = (spec: SupervisorSpec<unknown, unknown>): string | undefined => {
  const ids = spec.children.map((child) => child.id)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) return `two children are called ${twice}`
  return spec.children
    .map((child) => invalidChild(child, spec.autoShutdown))
    .find((wrong) => wrong !== undefined)
}
