/** How starting a supervisor, or asking one to do something about a child, is refused. */
import { Schema } from "effect"

/** The children contradict each other or the supervisor; nothing was started. */
export class InvalidSupervisorSpec extends Schema.TaggedError<InvalidSupervisorSpec>()(
  "InvalidSupervisorSpec",
  {
    supervisor: Schema.String,
    reason: Schema.String
  }
) {}

/** A child did not start, so its supervisor did not either: what had started before it was stopped again. */
export class ChildStartFailed extends Schema.TaggedError<ChildStartFailed>()("ChildStartFailed", {
  supervisor: Schema.String,
  child: Schema.String,
  cause: Schema.Defect()
}) {}

export class ChildNotFound extends Schema.TaggedError<ChildNotFound>()("ChildNotFound", {
  supervisor: Schema.String,
  child: Schema.String
}) {}

/** There is a child of that id, and it runs (or is being started, or stopped). */
export class ChildAlreadyStarted extends Schema.TaggedError<ChildAlreadyStarted>()("ChildAlreadyStarted", {
  supervisor: Schema.String,
  child: Schema.String
}) {}

/** There is a child of that id, which does not run: restart or delete it. */
export class ChildAlreadyPresent extends Schema.TaggedError<ChildAlreadyPresent>()("ChildAlreadyPresent", {
  supervisor: Schema.String,
  child: Schema.String
}) {}

/** The child is waiting to be restarted; terminate it first. */
export class ChildRestarting extends Schema.TaggedError<ChildRestarting>()("ChildRestarting", {
  supervisor: Schema.String,
  child: Schema.String
}) {}

/** The dynamic supervisor holds its maximum of children. */
export class MaxChildrenReached extends Schema.TaggedError<MaxChildrenReached>()("MaxChildrenReached", {
  supervisor: Schema.String,
  limit: Schema.Number
}) {}

/** The supervisor is stopping or gone. */
export class SupervisorStopped extends Schema.TaggedError<SupervisorStopped>()("SupervisorStopped", {
  supervisor: Schema.String
}) {}
