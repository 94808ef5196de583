/**
 * The active conversations of this node: asks go to the live actor, or start it. What the registry itself can
 * answer (a full mailbox, a stopped actor, a deadline) is put into the terms of the domain here, in one place.
 */
import { Context, Duration, Effect, Layer } from "effect"
import { type NotMember, Overloaded, Unavailable } from "../domain/Errors.ts"
import type { ConversationId } from "../domain/Ids.ts"
import type { Rate } from "../domain/Limits.ts"
import type { ChildSpec } from "../supervisors/ChildSpec.ts"
import { make as makeBehaviour } from "./ConversationActor.ts"
import type { Command } from "./ConversationCommands.ts"
import type { Process } from "./Process.ts"
import * as Registry from "./Registry.ts"
import type { ReplyTo } from "./ReplyTo.ts"

export interface ConversationOptions {
  /** Commands waiting for one conversation. */
  readonly mailbox: number
  /** Conversations active on this node. */
  readonly maxActive: number
  readonly idleTimeout: Duration.Input
  readonly askTimeout: Duration.Input
  /** How long after the sending a message may be edited, and deleted for everyone, by its sender. */
  readonly editWindow: Duration.Input
  readonly deleteWindow: Duration.Input
  /** Messages of one member in a row; past it they answer `rate_limited`. Default: any number. */
  readonly unanswered?: Rate | undefined
  /** Members at the most whose read positions a join answers with; in larger conversations one's own. Default: any number. */
  readonly maxPositions?: number | undefined
}

/** The commands that are answered, by name: what they carry, and what comes back. */
type Question = Extract<Command, { readonly reply: unknown }>
export type QuestionTag = Question["_tag"]
type Named<T extends QuestionTag> = Extract<Question, { readonly _tag: T }>
export type Fields<T extends QuestionTag> = Omit<Named<T>, "_tag" | "reply">
export type Answer<T extends QuestionTag> = Named<T>["reply"] extends ReplyTo<infer A, infer _> ? A : never
export type Failure<T extends QuestionTag> = Named<T>["reply"] extends ReplyTo<infer _, infer E> ? E : never
export type AskFailure<T extends QuestionTag> = Failure<T> | NotMember | Overloaded | Unavailable

export class ConversationRegistry extends Context.Service<
  ConversationRegistry,
  {
    readonly ask: <T extends QuestionTag>(
      id: ConversationId,
      tag: T,
      fields: Fields<T>
    ) => Effect.Effect<Answer<T>, AskFailure<T>>
    readonly active: () => number
    /** The supervisor of all conversations' actors, a child of the tree. */
    readonly supervisor: ChildSpec<Process>
  }
>()("messaging-service/actors/ConversationRegistry") {}

const overloaded = new Overloaded({ what: "conversation" })
const unavailable = new Unavailable({ what: "conversation" })

export const layer = (options: ConversationOptions) =>
  Layer.effect(
    ConversationRegistry,
    Effect.gen(function* () {
      const registry = Registry.make({
        id: "ConversationSupervisor",
        behaviour: yield* makeBehaviour(
          {
            editWindow: Duration.toMillis(options.editWindow),
            deleteWindow: Duration.toMillis(options.deleteWindow)
          },
          options.unanswered,
          options.maxPositions
        ),
        capacity: options.mailbox,
        callTimeout: options.askTimeout,
        idleTimeout: options.idleTimeout,
        maxSize: options.maxActive
      })

      const ask = <A, E>(id: ConversationId, make: (reply: ReplyTo<A, E>) => Command) =>
        registry.call(id, make).pipe(
          Effect.catchTag(["MailboxFull", "RegistryFull"], () => Effect.fail(overloaded)),
          // Whether the command was carried out is not known: a retry with the same client_random finds out.
          Effect.catchTag(["ActorStopped", "CallTimeout", "ActorStartFailed"], () => Effect.fail(unavailable))
        )

      return ConversationRegistry.of({
        // A question's tag decides its reply's type; the compiler cannot follow that through a spread.
        ask: <T extends QuestionTag>(id: ConversationId, tag: T, fields: Fields<T>) =>
          ask<Answer<T>, Failure<T>>(id, (reply) => ({ _tag: tag, ...fields, reply }) as unknown as Command),
        active: registry.size,
        supervisor: registry.childSpec
      })
    })
  )
