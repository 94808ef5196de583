/**
 * Messages become durable here: batches of any conversations, one round trip each, numbered by the database under
 * the conversations' row locks (see docs/adr/0002). Owns what happens to a batch that cannot be stored; queueing and
 * order are `GroupCommit`'s, the statement is `AppendMessages`.
 */
import { Context, Effect, Layer, Result } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { InvalidInput, Overloaded, Unavailable } from "../domain/Errors.ts"
import {
  type AppendError,
  type Appended,
  MessageWriter,
  type NewMessage
} from "../domain/ports/MessageWriter.ts"
import { appendSql, type Outcome, type OutcomeRow, outcomeOf, parametersOf } from "./AppendMessages.ts"
import { Database } from "./Database.ts"
import * as GroupCommit from "./GroupCommit.ts"
import { describe } from "./SqlFailure.ts"
import { unstorable } from "./Storable.ts"

export interface WriterOptions {
  /** Messages that may wait for a commit; past it appends answer `Overloaded`. */
  readonly capacity: number
  /** Messages in one commit at the most. */
  readonly maxBatch: number
}

/** The loop of the writer, which the supervision tree runs; see `GroupCommit.run`. */
export class MessageWriterLoop extends Context.Service<
  MessageWriterLoop,
  { readonly run: Effect.Effect<never> }
>()("messaging-service/layers/MessageWriterLoop") {}

/** Content that may wait for a commit, and that may go into one, in characters. */
const capacityBytes = 256 * 1024 * 1024
const maxBatchBytes = 4 * 1024 * 1024

/** At 10,000 messages a second this saves a third of what a message costs, for these few milliseconds. */
const pace = "5 millis"

const unavailable = new Unavailable({ what: "messages" })
const failed: Outcome = Result.fail(unavailable)
const rejection = new InvalidInput({ issues: [{ path: "", message: "cannot be stored as it is" }] })
const rejected: Outcome = Result.fail(rejection)

const make = Effect.fnUntraced(function* (options: WriterOptions) {
  const sql = yield* SqlClient
  const database = yield* Database

  const store = (messages: ReadonlyArray<NewMessage>) =>
    database.attempt("append_messages", sql.unsafe<OutcomeRow>(appendSql, parametersOf(messages)))

  /**
   * Stores a batch; when the database blames the data, halves of it, so that in the end the offending message is
   * alone. `broken` collects the conversations whose order a failure broke: their later messages are not tried.
   */
  const storeOrSplit = (
    messages: ReadonlyArray<NewMessage>,
    outcomes: Map<NewMessage, Outcome>,
    broken: Set<string>
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const open = broken.size === 0 ? messages : messages.filter((m) => !broken.has(m.conversationId))
      if (open.length === 0) return Effect.void
      return Effect.matchEffect(store(open), {
        onSuccess: (rows) => {
          for (let i = 0; i < open.length; i++) outcomes.set(open[i]!, outcomeOf(rows[i]!))
          return Effect.void
        },
        onFailure: (error) => {
          if (error._tag === "Unavailable") {
            for (const message of open) broken.add(message.conversationId)
            return Effect.void
          }
          if (open.length === 1) {
            outcomes.set(open[0]!, rejected)
            broken.add(open[0]!.conversationId)
            return Effect.logWarning("The database rejected a message").pipe(
              Effect.annotateLogs({ conversation: open[0]!.conversationId, ...describe(error.cause) })
            )
          }
          const middle = open.length >>> 1
          return Effect.andThen(
            storeOrSplit(open.slice(0, middle), outcomes, broken),
            storeOrSplit(open.slice(middle), outcomes, broken)
          )
        }
      })
    })

  const commit = (messages: ReadonlyArray<NewMessage>): Effect.Effect<ReadonlyArray<Outcome>> =>
    Effect.suspend(() => {
      const outcomes = new Map<NewMessage, Outcome>()
      const storable = messages.filter((message) => {
        const issues = unstorable(message)
        if (issues.length > 0) outcomes.set(message, Result.fail(new InvalidInput({ issues })))
        return issues.length === 0
      })
      return Effect.map(storeOrSplit(storable, outcomes, new Set()), () =>
        messages.map((message) => outcomes.get(message) ?? failed)
      )
    })

  return yield* GroupCommit.make<NewMessage, Appended, AppendError>({
    capacity: options.capacity,
    maxBatch: options.maxBatch,
    capacityBytes,
    maxBatchBytes,
    pace,
    keyOf: (message) => message.conversationId,
    bytesOf: (message) => message.content.length,
    commit,
    breaksKey: (error) => error._tag === "Unavailable" || error === rejection,
    failed: unavailable,
    overloaded: new Overloaded({ what: "messages" })
  })
})

export const layer = (options: WriterOptions) =>
  Layer.effectContext(
    Effect.map(make(options), ({ depth, offer, run }) =>
      Context.make(MessageWriter, MessageWriter.of({ append: offer, depth })).pipe(
        Context.add(MessageWriterLoop, MessageWriterLoop.of({ run }))
      )
    )
  )
