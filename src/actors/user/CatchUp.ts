/**
 * The telling of what a device missed, on one user channel: `pending_message` after `pending_message`, then
 * `sync_complete`, or a `sync_reset`. It goes at the socket's own pace: a page is read when most of the last one has
 * been taken. What a preview has told meanwhile is not told again.
 */
import { Effect, Schedule } from "effect"
import type { InvalidInput, Unavailable } from "../../domain/Errors.ts"
import type { Caller } from "../../domain/Identity.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import * as SyncCursor from "../../domain/SyncCursor.ts"
import * as Topic from "../../domain/Topic.ts"
import type { Conversations } from "../conversation/Conversations.ts"
import type { ConversationNews, Page, Plan, UserSync } from "./UserSync.ts"

interface Services {
  readonly conversations: Conversations["Service"]
  readonly sync: UserSync["Service"]
}

interface Host {
  readonly caller: Caller
  readonly room: Effect.Effect<void>
}

/** The database may be away for a moment. After that the client is told, and comes back with its cursor. */
const retries = { schedule: Schedule.exponential("250 millis").pipe(Schedule.jittered), times: 5 }

/** Conversations in which delivery is noted at once. */
const CONCURRENCY = 4

const keyOf = (topic: string, seq: number) => `${topic} ${seq}`

export class CatchUp {
  readonly #services: Services
  readonly #host: Host
  readonly #asked: string | undefined
  readonly #tell: (event: string, payload: object) => void
  /** Previews since the channel opened; `undefined` once nothing is told that they could have told before. */
  #previewed: Set<string> | undefined = new Set()
  #plan: Plan | undefined
  #pending = 0
  /** Up to where each conversation's previews were told and not acknowledged. */
  readonly #unacknowledged = new Map<ConversationId, number>()
  /** The last cursor that was handed out, and what had been told by then. */
  #offered: { readonly cursor: string; readonly told: ReadonlyMap<ConversationId, number> } | undefined

  constructor(
    services: Services,
    host: Host,
    asked: string | undefined,
    tell: (event: string, payload: object) => void
  ) {
    this.#services = services
    this.#host = host
    this.#asked = asked
    this.#tell = tell
  }

  previewed({ seq, topic }: Publication): void {
    if (seq === null) return
    this.#previewed?.add(keyOf(topic, seq))
    const of = Topic.parse(topic)
    if (of?.kind === "conversation") this.#unacknowledged.set(of.conversationId, seq)
  }

  // Made when it is run: a channel stays long after it has caught up, and there are many of them.
  get run(): Effect.Effect<void> {
    return this.#told.pipe(
      Effect.catch(() => Effect.sync(() => this.#tell("sync_reset", { reason: "unavailable" }))),
      Effect.ensuring(
        Effect.sync(() => {
          this.#previewed = undefined
        })
      ),
      Effect.catchCause((cause) => Effect.logError("A device could not be told what it missed", cause))
    )
  }

  get #told(): Effect.Effect<void, Unavailable> {
    return Effect.gen({ self: this }, function* () {
      const { identity } = this.#host.caller
      const plan = yield* Effect.retry(this.#services.sync.plan(identity, this.#asked), retries)
      if (plan._tag === "CatchUp") {
        for (const news of plan.news) yield* this.#conversation(news)
        this.#tell("sync_complete", {
          pending_count: this.#pending,
          cursor: plan.cursor,
          truncated: plan.truncated,
          conversations: plan.conversations
        })
      } else {
        this.#tell("sync_reset", { reason: plan.reason, cursor: plan.cursor, unread: plan.unread })
      }
      this.#plan = plan
    })
  }

  #conversation(news: ConversationNews): Effect.Effect<void, Unavailable> {
    const topic = Topic.ofConversation(news.conversationId)
    return Effect.gen({ self: this }, function* () {
      for (let after: number | undefined = news.after; after !== undefined; ) {
        yield* this.#host.room
        const page: Page = yield* Effect.retry(
          this.#services.sync.page(this.#host.caller.identity, news, after),
          retries
        )
        for (const message of page.messages) {
          if (this.#previewed?.has(keyOf(topic, message.version_seq))) continue
          this.#tell("pending_message", message)
          this.#pending++
        }
        after = page.next
      }
    })
  }

  /** Up to which everything was told on this socket; `undefined` while the sync is under way. */
  get cursor(): Effect.Effect<string | undefined> {
    return Effect.suspend(() => {
      const told = this.#plan?.cursor
      if (told === undefined) return Effect.succeed(undefined)
      const id = SyncCursor.decode(told)?.id ?? SyncCursor.START
      return Effect.map(this.#services.sync.liveCursor, (live) => {
        const cursor = SyncCursor.isAfter(live, id) ? live : told
        this.#offered = { cursor, told: new Map(this.#unacknowledged) }
        return cursor
      })
    })
  }

  /** What was told with the cursor counts as delivered from now on. */
  ack(cursor: string): Effect.Effect<{ readonly cursor: string }, InvalidInput | Unavailable> {
    const { caller } = this.#host
    const plan = this.#plan
    const missed = plan?._tag === "CatchUp" && plan.cursor === cursor ? plan.news : []
    const delivered = [
      ...missed.map(({ conversationId, upTo }) => [conversationId, upTo] as const),
      ...this.#previewsUpTo(cursor)
    ]
    return this.#services.sync.ack(caller.identity, plan?.token, cursor).pipe(
      Effect.andThen(
        Effect.forEach(delivered, ([conversationId, upTo]) => this.#delivered(conversationId, upTo), {
          concurrency: CONCURRENCY,
          discard: true
        })
      ),
      Effect.as({ cursor })
    )
  }

  /** What had been previewed when this cursor was handed out is acknowledged with it. */
  #previewsUpTo(cursor: string): ReadonlyMap<ConversationId, number> {
    if (this.#offered?.cursor !== cursor) return new Map()
    const { told } = this.#offered
    this.#offered = undefined
    for (const [id, seq] of told) if (this.#unacknowledged.get(id) === seq) this.#unacknowledged.delete(id)
    return told
  }

  /** A conversation that the user has left meanwhile, or that is too busy now, is none of the queue's business. */
  #delivered(id: ConversationId, seq: number): Effect.Effect<void> {
    return Effect.ignore(this.#services.conversations.markDelivered(this.#host.caller, id, { seq }))
  }
}
