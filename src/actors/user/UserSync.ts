/**
 * What a device is told when it comes back: which conversations have news for it, from which number on. The queue says
 * so precisely; what it may have missed (a node that fell before it queued, an outage of Redis) is found in Postgres,
 * by time. Messages are then read page by page, in their present state. Which conversations it has come into or out of,
 * and which have changed otherwise, is found by time as well.
 *
 * Pure of sockets: `UserChannel` does the telling.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { foreignCursor, type InvalidInput, Unavailable } from "../../domain/Errors.ts"
import { asOf } from "../../domain/Expiry.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import type { Message } from "../../domain/Message.ts"
import { MessageQueueCache, type OpenQueue } from "../../domain/ports/MessageQueueCache.ts"
import { MessageStore } from "../../domain/ports/MessageStore.ts"
import { type Backlog, SyncStore, type Unread } from "../../domain/ports/SyncStore.ts"
import * as SyncCursor from "../../domain/SyncCursor.ts"

export interface UserSyncOptions {
  /** Messages of one conversation in one sync at the most: the newest. Older ones are in the history. */
  readonly maxPending: number
  /** Conversations with messages in one sync at the most, and changed ones; past it there is a reset. */
  readonly maxConversations: number
}

/** How far the clocks of Redis, Postgres and the nodes may be apart, in milliseconds. */
const CLOCK_MARGIN = 10_000
/** What a live device was told this long ago has reached it, whatever had to be repaired on the way. */
const LIVE_MARGIN = 35_000
/** Messages read at once. */
const PAGE = 100

/** News of one conversation: everything after `after`, up to `upTo`. */
export interface ConversationNews {
  readonly conversationId: ConversationId
  readonly after: number
  readonly upTo: number
  readonly clearedSeq: number
  readonly retention: number | null
}

export type ResetReason = "lost" | "trimmed" | "unavailable"

/** Under which an acknowledgement counts; `undefined` while the queue could not be opened. */
type Token = number | undefined

export type Plan =
  | {
      readonly _tag: "CatchUp"
      readonly token: Token
      /** Acknowledges all of it. */
      readonly cursor: string
      readonly news: ReadonlyArray<ConversationNews>
      /** Conversations of which older news were left out. */
      readonly truncated: ReadonlyArray<ConversationId>
      /**
       * Those that are in the user's list, and should not be, or the other way round, or are not what they were: as far
       * as the device can know. By time alone, so that one may be named again; what it is now, the device has to ask.
       */
      readonly conversations: ReadonlyArray<ConversationId>
    }
  | {
      readonly _tag: "Reset"
      readonly token: Token
      readonly cursor: string
      readonly reason: ResetReason
      readonly unread: Unread
    }

export interface Page {
  readonly messages: ReadonlyArray<Message>
  /** Where the next page begins; `undefined` after the last one. */
  readonly next: number | undefined
}

export class UserSync extends Context.Service<
  UserSync,
  {
    readonly plan: (identity: Identity, cursor: string | undefined) => Effect.Effect<Plan, Unavailable>
    /** A page of the news: those after `after`. */
    readonly page: (
      identity: Identity,
      news: ConversationNews,
      after: number
    ) => Effect.Effect<Page, Unavailable>
    /** `InvalidInput`: not one of our cursors. A sync that was replaced by a later one acknowledges nothing. */
    readonly ack: (
      identity: Identity,
      token: Token,
      cursor: string
    ) => Effect.Effect<void, InvalidInput | Unavailable>
    /** A cursor for a device that is live, and has been told everything up to it. */
    readonly liveCursor: Effect.Effect<string>
  }
>()("messaging-service/actors/user/UserSync") {}

export const layer = (options: UserSyncOptions) =>
  Layer.effect(
    UserSync,
    Effect.gen(function* () {
      const queue = yield* MessageQueueCache
      const store = yield* SyncStore
      const messages = yield* MessageStore

      /** Without a queue there is Postgres, and the time. */
      const openWithout = (cursor: string | undefined) =>
        Effect.map(Clock.currentTimeMillis, (now): Omit<OpenQueue, "token"> & { readonly token: Token } => {
          const end = SyncCursor.positionAt(now - CLOCK_MARGIN)
          const status = cursor === undefined ? "new" : "resumed"
          return { status, after: cursor ?? end, end, token: undefined, mark: "", entries: [] }
        })

      /** Where the device stands in a conversation, which is the number before the first that it has to be told. */
      const standsAt = (
        row: Backlog,
        queued: number | undefined,
        seen: number | undefined,
        isNew: boolean
      ): number => {
        if (isNew) return row.deliveredSeq
        if (seen !== undefined) return seen
        // An earlier reference may have been lost while a later one was not.
        return Math.min(queued ?? Infinity, row.changedFrom ?? Infinity, row.lastSeq + 1) - 1
      }

      /** What the queue knows of the device; nothing to worry about, when it could not have learnt of it. */
      const open = (
        identity: Identity,
        asked: string | undefined,
        cursor: SyncCursor.SyncCursor | undefined
      ) =>
        Effect.catch(
          Effect.map(queue.open(identity.userId, identity.deviceId, asked), (opened) =>
            opened.status === "lost" && cursor?.byTime === true
              ? { ...opened, status: "resumed" as const, after: cursor.id }
              : opened
          ),
          () => openWithout(cursor?.id)
        )

      const plan: UserSync["Service"]["plan"] = Effect.fn("UserSync.plan")(function* (identity, text) {
        const { userId } = identity
        const cursor = text === undefined ? undefined : SyncCursor.decode(text)
        // What is no cursor of ours is as good as one that nobody remembers.
        const asked = text === undefined ? undefined : (cursor?.id ?? SyncCursor.START)
        const opened = yield* open(identity, asked, cursor)
        const { after, end, entries, mark, status, token } = opened
        const reset = (reason: ResetReason) =>
          Effect.map(
            store.unread(userId),
            (unread): Plan => ({
              _tag: "Reset",
              token,
              reason,
              unread,
              cursor: SyncCursor.encode({ id: end, seen: new Map() })
            })
          )
        if (status === "trimmed") return yield* reset("trimmed")
        if (status === "lost" || (text !== undefined && cursor === undefined)) return yield* reset("lost")
        const isNew = status === "new"
        // Of a new device nothing is news by time, but what is active just now must not be told to it later.
        const since = SyncCursor.millisOf(after) - CLOCK_MARGIN
        // A new device has no list yet.
        const conversations = isNew
          ? []
          : yield* store.changed(userId, { since, limit: options.maxConversations + 1 })
        if (conversations.length > options.maxConversations) return yield* reset("trimmed")

        const queued = new Map<ConversationId, number>()
        for (const { conversationId, fromSeq } of entries) {
          queued.set(conversationId, Math.min(fromSeq, queued.get(conversationId) ?? fromSeq))
        }
        const known = (cursor ?? SyncCursor.decode(mark))?.seen
        const rows = yield* store.backlog(userId, {
          since,
          undelivered: isNew,
          named: Array.from(queued.keys()),
          limit: options.maxConversations + 1,
          // One more than are told: then it shows whether there are more.
          lookBack: options.maxPending + 1
        })
        // Of those left out nothing would ever be told: what is acknowledged here is behind them, too.
        if (rows.length > options.maxConversations) return yield* reset("trimmed")
        const truncated: Array<ConversationId> = []
        const seen = new Map<ConversationId, number>()
        const news: Array<ConversationNews> = []
        for (const row of rows) {
          const { clearedSeq, conversationId, joinedSeq, lastSeq, retention } = row
          if (seen.size < SyncCursor.MAX_SEEN) seen.set(conversationId, lastSeq)
          const from = standsAt(row, queued.get(conversationId), known?.get(conversationId), isNew)
          const stands = Math.max(from, joinedSeq)
          if (stands >= lastSeq) continue
          const earliest = lastSeq - options.maxPending
          if (stands < earliest) truncated.push(conversationId)
          news.push({
            conversationId,
            after: Math.max(stands, earliest),
            upTo: lastSeq,
            clearedSeq,
            retention
          })
        }
        const byTime = token === undefined
        return {
          _tag: "CatchUp",
          token,
          cursor: SyncCursor.encode({ id: end, seen, byTime }),
          news,
          truncated,
          conversations
        }
      })

      return UserSync.of({
        plan,

        page: ({ userId }, { clearedSeq, conversationId, retention, upTo }, after) =>
          Effect.gen(function* () {
            const { hasMore, items } = yield* messages.catchUp(conversationId, after, PAGE, {
              userId,
              clearedSeq
            })
            const page = items.filter((message) => message.version_seq <= upTo)
            const now = yield* Clock.currentTimeMillis
            return {
              // A device may hold what is over by now: it is told so by the tombstone.
              messages: page.map((message) => asOf(message, now, retention)),
              next: hasMore && page.length === items.length ? page.at(-1)?.version_seq : undefined
            }
          }),

        ack: Effect.fn("UserSync.ack")(function* ({ deviceId, userId }, token, text) {
          const cursor = SyncCursor.decode(text)
          if (cursor === undefined) return yield* foreignCursor
          // The client keeps its cursor, and names it when it comes back.
          if (token === undefined) return yield* new Unavailable({ what: "queue" })
          const now = yield* Clock.currentTimeMillis
          const bound = SyncCursor.positionAt(now + CLOCK_MARGIN)
          if (SyncCursor.isAfter(cursor.id, bound)) return yield* foreignCursor
          yield* Effect.catchTag(
            queue.ack(userId, deviceId, token, cursor.id, text),
            "Conflict",
            () => Effect.void
          )
        }),

        liveCursor: Effect.map(Clock.currentTimeMillis, (now) => SyncCursor.positionAt(now - LIVE_MARGIN))
      })
    })
  )
