/**
 * Where in the tree an effect is started: the ids from the root down, joined by slashes. Supervisors read it when
 * they start, and set it for their children.
 */
import { Context, Tracer } from "effect"

/** The path of the supervisor that an effect is started under; empty above the root. */
export const SupervisorPath = Context.Reference<string>("messaging-service/supervisors/SupervisorPath", {
  defaultValue: () => ""
})

export const joinPath = (parent: string, id: string): string => (parent === "" ? id : `${parent}/${id}`)

/**
 * The context that the children of a supervisor run in: its own, with their path. It is flat, because each child
 * adds its scope to it, and without the span in which the supervisor happened to be started: children outlive that.
 */
export const childContext = (context: Context.Context<never>, path: string): Context.Context<unknown> => {
  const services = new Map(context.mapUnsafe)
  services.delete(Tracer.ParentSpan.key)
  services.set(SupervisorPath.key, path)
  return Context.makeUnsafe(services)
}
