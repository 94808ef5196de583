/**
 * The active conversations of this node: asks go to the live actor, or start it. What the registry itself can
 * answer (a full mailbox, a stopped actor, a deadline) is put into the terms of the domain here, in one place.
 */
import { Cause, Context, Duration, Effect, Exit, Layer, Predicate } from "effect"
import { type NotMember, Overloaded, Unavailable } from "../../domain/Errors.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import type { Rate } from "../../domain/Limits.ts"
import type { ChildSpec } from "../../supervisors/ChildSpec.ts"
import type { Process } from "../process/Process.ts"
import type { ReplyTo } from "../process/ReplyTo.ts"
import * as Registry from "../registry/Registry.ts"
import { make as makeBehaviour } from "./ConversationActor.ts"
import type { Command } from "./ConversationCommands.ts"

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
  /** Members at the most of whom each is told how far all have read; in larger conversations, their own. Default: any number. */
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
    /** `ask` from plain code, on the way of a message: `answered` is called once, perhaps at once. */
    readonly tell: <T extends QuestionTag>(
      id: ConversationId,
      tag: T,
      fields: Fields<T>,
      answered: (exit: Exit.Exit<Answer<T>, AskFailure<T>>) => void
    ) => void
    readonly active: () => number
    /** The supervisor of all conversations' actors, a child of the tree. */
    readonly supervisor: ChildSpec<Process>
  }
>()("messaging-service/actors/conversation/ConversationRegistry") {}

const overloaded = Exit.fail(new Overloaded({ what: "conversation" }))
/** Whether the command was carried out is not known: a retry with the same client_random finds out. */
const unavailable = Exit.fail(new Unavailable({ what: "conversation" }))

const refusals = {
  MailboxFull: overloaded,
  RegistryFull: overloaded,
  ActorStopped: unavailable,
  CallTimeout: unavailable,
  ActorStartFailed: unavailable
}

const isOfRegistry = (error: unknown): error is Registry.DeliveryError =>
  Predicate.hasProperty(error, "_tag") && Object.hasOwn(refusals, String(error._tag))

/** How a command went, where the registry could not even bring it to its actor in the terms of the domain. */
const inDomainTerms = <A, E>(
  exit: Exit.Exit<A, E | Registry.DeliveryError>
): Exit.Exit<A, E | Overloaded | Unavailable> => {
  if (Exit.isSuccess(exit)) return Exit.succeed(exit.value)
  const error = Cause.findErrorOption(exit.cause)
  return error._tag === "Some" && isOfRegistry(error.value)
    ? refusals[error.value._tag]
    : Exit.failCause(exit.cause as Cause.Cause<E>)
}

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

      const tell = <A, E>(
        id: ConversationId,
        make: (reply: ReplyTo<A, E>) => Command,
        answered: (exit: Exit.Exit<A, E | NotMember | Overloaded | Unavailable>) => void
      ) => registry.callUnsafe(id, make, (exit) => answered(inDomainTerms(exit)))

      // A question's tag decides its reply's type; the compiler cannot follow that through a spread.
      const command =
        <T extends QuestionTag>(tag: T, fields: Fields<T>) =>
        (reply: ReplyTo<Answer<T>, Failure<T>>) =>
          ({ _tag: tag, ...fields, reply }) as unknown as Command

      return ConversationRegistry.of({
        ask: <T extends QuestionTag>(id: ConversationId, tag: T, fields: Fields<T>) =>
          Effect.callback<Answer<T>, AskFailure<T>>((resume) =>
            Effect.sync(tell<Answer<T>, Failure<T>>(id, command(tag, fields), resume))
          ),
        tell: (id, tag, fields, answered) => void tell(id, command(tag, fields), answered),
        active: registry.size,
        supervisor: registry.childSpec
      })
    })
  )
