/**
 * Conversations over several nodes: a command goes to this node's registry when the conversation is placed here, and to
 * its owner otherwise. Should the owner not answer, the command is carried out here. That is safe: a send that both
 * have carried out is one message (its `client_random`), and every other command finds nothing to do the second time.
 *
 * Nodes of two versions may meet during an upgrade: what the owner cannot read is carried out here, too.
 */
import { Context, Effect, type Exit, FiberSet, Layer, type Scope } from "effect"
import type { ConversationId } from "../../domain/Ids.ts"
import { type Answerer, type ClusterUnusable, Placement } from "../../domain/ports/Placement.ts"
import {
  type Answer,
  type AskFailure,
  ConversationRegistry,
  type Fields,
  type QuestionTag
} from "./ConversationRegistry.ts"

/** Raised when a question or an answer changes so that another version would misread it. */
const VERSION = 2

/** What other nodes may ask. */
const known: Readonly<Record<QuestionTag, true>> = {
  Post: true,
  Change: true,
  Apply: true,
  Snapshot: true,
  Advance: true,
  Typing: true,
  AddMembers: true,
  RemoveMember: true,
  ChangeRole: true,
  Update: true,
  Merge: true,
  Configure: true,
  Prefer: true,
  Clear: true,
  Close: true
}

interface Question<T extends QuestionTag> {
  readonly version: number
  readonly tag: T
  readonly fields: Fields<T>
}

type Answered<T extends QuestionTag> = { readonly answer: Answer<T> } | { readonly unreadable: true }

const unreadable = JSON.stringify({ unreadable: true })

/** Joins the cluster, and answers there for the conversations placed here. The supervision tree runs it. */
export class PlacementLoop extends Context.Service<
  PlacementLoop,
  { readonly join: Effect.Effect<void, ClusterUnusable, Scope.Scope> }
>()("messaging-service/actors/PlacementLoop") {}

/** In front of this node's own registry. */
export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const here = yield* ConversationRegistry
    const placement = yield* Placement
    const run = yield* FiberSet.makeRuntime<never>()

    const answer: Answerer = (id, question) => {
      // Any of them; named as one, since all in one type are more than the compiler can hold.
      const { fields, tag, version }: Question<"Snapshot"> = JSON.parse(question)
      if (version !== VERSION || !Object.hasOwn(known, tag)) return Effect.succeed(unreadable)
      return Effect.map(here.ask(id, tag, fields), (answer) => JSON.stringify({ answer }))
    }

    const ask = <T extends QuestionTag>(
      id: ConversationId,
      tag: T,
      fields: Fields<T>
    ): Effect.Effect<Answer<T>, AskFailure<T>> => {
      if (placement.isHere(id)) return here.ask(id, tag, fields)
      const question: Question<T> = { version: VERSION, tag, fields }
      return placement.ask(id, JSON.stringify(question)).pipe(
        Effect.flatMap((text) => {
          const answered: Answered<T> = JSON.parse(text)
          return "unreadable" in answered ? here.ask(id, tag, fields) : Effect.succeed(answered.answer)
        }),
        Effect.catchTag("OwnerSilent", () => here.ask(id, tag, fields)),
        // The owner's registry refuses in the terms in which this one would.
        Effect.mapError((refusal) => refusal as AskFailure<T>)
      )
    }
    const tell = <T extends QuestionTag>(
      id: ConversationId,
      tag: T,
      fields: Fields<T>,
      answered: (exit: Exit.Exit<Answer<T>, AskFailure<T>>) => void
    ): void => {
      if (placement.isHere(id)) here.tell(id, tag, fields, answered)
      else run(ask(id, tag, fields)).addObserver(answered)
    }
    return Context.make(ConversationRegistry, ConversationRegistry.of({ ...here, ask, tell })).pipe(
      Context.add(PlacementLoop, PlacementLoop.of({ join: placement.join(answer) }))
    )
  })
)
