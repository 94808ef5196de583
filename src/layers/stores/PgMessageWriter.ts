/**
 * Messages and their changes become durable here: batches of any conversations, one round trip each, numbered by the
 * database under the conversations' row locks (see docs/adr/0002). Owns which of a batch share a statement, and what
 * happens to what cannot be stored; queueing and order are `GroupCommit`'s, the statements are `AppendMessages` and
 * `ChangeMessages`.
 */
import { Context, Effect, Layer, Result } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { InvalidInput, type Issue, Overloaded, Unavailable } from "../../domain/Errors.ts"
import {
  type AppendError,
  type Appended,
  type ChangeError,
  type ChangeOutcome,
  MessageWriter,
  type NewChange,
  type NewMessage
} from "../../domain/ports/MessageWriter.ts"
import { Database } from "../database/Database.ts"
import type { QueryRejected } from "../database/QueryGuard.ts"
import { describe } from "../database/SqlFailure.ts"
import * as AppendMessages from "./AppendMessages.ts"
import * as ChangeMessages from "./ChangeMessages.ts"
import * as GroupCommit from "./GroupCommit.ts"
import { unstorable, unstorableAttachment, unstorableEdit } from "./Storable.ts"

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

type Item = NewMessage | NewChange
type Outcome = AppendMessages.Outcome | ChangeMessages.Outcome

const unavailable = new Unavailable({ what: "messages" })
const failed: Outcome = Result.fail(unavailable)
const rejection = new InvalidInput({ issues: [{ path: "", message: "cannot be stored as it is" }] })
const rejected: Outcome = Result.fail(rejection)

const isChange = (item: Item): item is NewChange => "change" in item

const issuesOf = (item: Item): ReadonlyArray<Issue> => {
  if (!isChange(item)) return unstorable(item)
  const { change } = item
  if (change.kind === "attach") return unstorableAttachment(change.attachment.metadata)
  return change.kind === "edit" ? unstorableEdit(change) : []
}

const sizeOf = (item: Item): number => {
  if (!isChange(item)) return item.content.length
  return item.change.kind === "edit" ? item.change.content.length : 0
}

/**
 * What shares a statement. Messages and changes take turns, messages first; an item goes into the first turn of its
 * kind in which everything of its conversation before it is done or goes along.
 */
const turnsOf = (items: ReadonlyArray<Item>): ReadonlyArray<ReadonlyArray<Item>> => {
  if (!items.some(isChange)) return [items]
  const turns: Array<Array<Item>> = []
  const reached = new Map<string, number>()
  for (const item of items) {
    const last = reached.get(item.conversationId) ?? 0
    const turn = last % 2 === (isChange(item) ? 1 : 0) ? last : last + 1
    reached.set(item.conversationId, turn)
    while (turns.length <= turn) turns.push([])
    turns[turn]!.push(item)
  }
  return turns
}

const make = Effect.fnUntraced(function* (options: WriterOptions) {
  const sql = yield* SqlClient
  const database = yield* Database

  const append = (messages: ReadonlyArray<NewMessage>) =>
    Effect.map(
      database.attempt(
        "append_messages",
        sql.unsafe<AppendMessages.OutcomeRow>(AppendMessages.appendSql, AppendMessages.parametersOf(messages))
      ),
      (rows) => rows.map(AppendMessages.outcomeOf)
    )

  const change = (changes: ReadonlyArray<NewChange>) =>
    Effect.map(
      database.attempt(
        "change_messages",
        sql.unsafe<ChangeMessages.OutcomeRow>(ChangeMessages.changeSql, ChangeMessages.parametersOf(changes))
      ),
      (rows) => rows.map(ChangeMessages.outcomeOf)
    )

  /** `items` are of one kind. */
  const store = (
    items: ReadonlyArray<Item>
  ): Effect.Effect<ReadonlyArray<Outcome>, Unavailable | QueryRejected> =>
    isChange(items[0]!)
      ? change(items as ReadonlyArray<NewChange>)
      : append(items as ReadonlyArray<NewMessage>)

  /**
   * Stores a batch; when the database blames the data, halves of it, so that in the end the offending message is
   * alone. `broken` collects the conversations whose order a failure broke: their later messages are not tried.
   */
  const storeOrSplit = (
    items: ReadonlyArray<Item>,
    outcomes: Map<Item, Outcome>,
    broken: Set<string>
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const open = broken.size === 0 ? items : items.filter((item) => !broken.has(item.conversationId))
      if (open.length === 0) return Effect.void
      return Effect.matchEffect(store(open), {
        onSuccess: (stored) => {
          for (let i = 0; i < open.length; i++) outcomes.set(open[i]!, stored[i]!)
          return Effect.void
        },
        onFailure: (error) => {
          if (error._tag === "Unavailable") {
            for (const item of open) broken.add(item.conversationId)
            return Effect.void
          }
          if (open.length === 1) {
            outcomes.set(open[0]!, rejected)
            broken.add(open[0]!.conversationId)
            return Effect.logWarning("The database rejected a message or a change").pipe(
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

  const commit = (items: ReadonlyArray<Item>): Effect.Effect<ReadonlyArray<Outcome>> =>
    Effect.suspend(() => {
      const outcomes = new Map<Item, Outcome>()
      const storable = items.filter((item) => {
        const issues = issuesOf(item)
        if (issues.length > 0) outcomes.set(item, Result.fail(new InvalidInput({ issues })))
        return issues.length === 0
      })
      const broken = new Set<string>()
      return Effect.forEach(turnsOf(storable), (turn) => storeOrSplit(turn, outcomes, broken)).pipe(
        Effect.map(() => items.map((item) => outcomes.get(item) ?? failed))
      )
    })

  return yield* GroupCommit.make<Item, Appended | ChangeOutcome, AppendError | ChangeError>({
    capacity: options.capacity,
    maxBatch: options.maxBatch,
    name: "messages",
    capacityBytes,
    maxBatchBytes,
    pace,
    keyOf: (item) => item.conversationId,
    bytesOf: sizeOf,
    commit,
    breaksKey: (error) => error._tag === "Unavailable" || error === rejection,
    failed: unavailable,
    overloaded: new Overloaded({ what: "messages" })
  })
})

export const layer = (options: WriterOptions) =>
  Layer.effectContext(
    Effect.map(make(options), ({ depth, offer, run }) =>
      Context.make(
        MessageWriter,
        MessageWriter.of({
          // A batch answers each item in its own kind.
          append: (message, done) => offer(message, (result) => done(result as AppendMessages.Outcome)),
          change: (change, done) => offer(change, (result) => done(result as ChangeMessages.Outcome)),
          depth
        })
      ).pipe(Context.add(MessageWriterLoop, MessageWriterLoop.of({ run })))
    )
  )
