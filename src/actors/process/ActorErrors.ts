/** How a call or a cast to an actor fails. They tell apart what the caller should do: wait, look again, or give up. */
import { Schema } from "effect"

/** The mailbox is full; the message was not accepted and will not be handled. */
export class MailboxFull extends Schema.TaggedError<MailboxFull>()("MailboxFull", {
  actor: Schema.String,
  capacity: Schema.Number
}) {}

/** The actor is stopping or gone. A call that ends with it may or may not have been handled. */
export class ActorStopped extends Schema.TaggedError<ActorStopped>()("ActorStopped", {
  actor: Schema.String
}) {}

/** No answer within the deadline. The message may still be handled. */
export class CallTimeout extends Schema.TaggedError<CallTimeout>()("CallTimeout", {
  actor: Schema.String,
  timeoutMs: Schema.Number
}) {}

/** Starting the actor died of a defect: a poison key. A typed failure of `init` is passed on as it is. */
export class ActorStartFailed extends Schema.TaggedError<ActorStartFailed>()("ActorStartFailed", {
  actor: Schema.String,
  cause: Schema.Defect()
}) {}

/** The registry holds its maximum of live actors; the key has none, and got none. */
export class RegistryFull extends Schema.TaggedError<RegistryFull>()("RegistryFull", {
  registry: Schema.String,
  limit: Schema.Number
}) {}
