/**
 * Which node answers for a conversation, where there are several. Ownership saves work; it guards nothing (ADR 1):
 * when the owner cannot be reached, any node may answer instead, and storage keeps the order.
 */
import { Context, Data, type Effect, type Scope } from "effect"
import type { Refusal } from "../Errors.ts"
import type { ConversationId } from "../Ids.ts"

/** No owner has answered within the patience. What was asked may have been done, or may not. */
export class OwnerSilent extends Data.TaggedError("OwnerSilent") {}

/** This process cannot take part. `message` names the variable to change. */
export class ClusterUnusable extends Data.TaggedError("ClusterUnusable")<{ readonly message: string }> {}

/** Questions and answers are text that only the actors understand. */
export type Answerer = (id: ConversationId, question: string) => Effect.Effect<string, Refusal>

export class Placement extends Context.Service<
  Placement,
  {
    /** Whether this node owns the conversation, or has nobody to ask. Synchronous: it stands before every command. */
    readonly isHere: (id: ConversationId) => boolean
    /** Asks the node that owns the conversation. */
    readonly ask: (id: ConversationId, question: string) => Effect.Effect<string, Refusal | OwnerSilent>
    /** Takes part as long as the scope is open: owns a share of the conversations, and answers for them. */
    readonly join: (answer: Answerer) => Effect.Effect<void, ClusterUnusable, Scope.Scope>
  }
>()("messaging-service/domain/ports/Placement") {}
