/**
 * The active conversations of this node: asks go to the live actor, or start it. What the registry itself can
 * answer (a full mailbox, a stopped actor, a deadline) is put into the terms of the domain here, in one place.
 */
import { Context, type Duration, type Effect } from "effect"
import type { NotMember, Overloaded, Unavailable } from "../domain/Errors.ts"
import type { ConversationId } from "../domain/Ids.ts"
import type { Command } from "./ConversationActor.ts"
import type { ReplyTo } from "./ReplyTo.ts"

export interface ConversationOptions {
  /** Commands waiting for one conversation. */
  readonly mailbox: number
  /** Conversations active on this node. */
  readonly maxActive: number
  readonly idleTimeout: Duration.Input
  readonly askTimeout: Duration.Input
}

/** The commands that are answered, by name: what they carry, and what comes back. */
type Question = Extract<Command, { readonly reply: unknown }>
type Named<T extends Question["_tag"]> = Extract<Question, { readonly _tag: T }>
type Fields<T extends Question["_tag"]> = Omit<Named<T>, "_tag" | "reply">
type Answer<T extends Question["_tag"]> = Named<T>["reply"] extends ReplyTo<infer A, infer _> ? A : never
type Failure<T extends Question["_tag"]> = Named<T>["reply"] extends ReplyTo<infer _, infer E> ? E : never

export class ConversationRegistry extends Context.Service<
  ConversationRegistry,
  {
    readonly ask: <T extends Question["_tag"]>(
      id: ConversationId,
      tag: T,
      fields: Fields<T>
    ) => Effect.Effect<Answer<T>, Failure<T> | NotMember | Overloaded | Unavailable>
    readonly active: () => number
  }
>()("messaging-service/actors/ConversationRegistry") {}
