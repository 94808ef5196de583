/**
 * What members read of their conversations: each answer is what storage has, as the conversation's actor says that the
 * reader may see it.
 */
import { Clock, Effect } from "effect"
import { DEFAULT_PAGE } from "../../domain/Commands.ts"
import { memberView } from "../../domain/Conversation.ts"
import { type Forbidden, foreignCursor, NotFound, type UserBlocked } from "../../domain/Errors.ts"
import { asOf, isOver } from "../../domain/Expiry.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import type { Message } from "../../domain/Message.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { ConversationStore, type ListFilter, type PageOptions } from "../../domain/ports/ConversationStore.ts"
import { MessageStore, type Page } from "../../domain/ports/MessageStore.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { UserDirectory } from "../../domain/ports/UserDirectory.ts"
import type { MemberSnapshot } from "./ConversationCommands.ts"
import { type AskFailure, ConversationRegistry } from "./ConversationRegistry.ts"
import type { AskError, Conversations, Snapshot } from "./Conversations.ts"

/** Events a resume answers with at the most; a client further behind resumes again from what it got. */
const MAX_CATCH_UP = 1_000

const nothing: Page<Message> = { items: [], hasMore: false }

type Reading = Pick<
  Conversations["Service"],
  | "list"
  | "find"
  | "show"
  | "mySettings"
  | "members"
  | "history"
  | "search"
  | "message"
  | "attachments"
  | "pins"
  | "join"
>

/** What the caller may see is left to the query only where they have hidden anything. */
export const viewerOf = (caller: Identity, { clearedSeq, lastHiddenSeq }: MemberSnapshot) =>
  lastHiddenSeq > 0 ? { userId: caller.userId, clearedSeq } : undefined

/** What the actor says of the caller, or that they are no member. */
export const snapshots =
  (registry: ConversationRegistry["Service"]) =>
  (caller: Identity, id: ConversationId): Effect.Effect<MemberSnapshot, AskFailure<"Snapshot">> =>
    registry.ask(id, "Snapshot", { userId: caller.userId, withPositions: false })

export const make = Effect.gen(function* () {
  const registry = yield* ConversationRegistry
  const store = yield* ConversationStore
  const messages = yield* MessageStore
  const admission = yield* Admission
  const directory = yield* UserDirectory

  const snapshotOf = snapshots(registry)

  /** What was committed after the snapshot comes as an event: the subscription stands already. */
  const upTo = (seq: number, items: ReadonlyArray<Message>) => items.filter((message) => message.seq <= seq)

  /** Messages as they are now: of those whose time is over, the tombstones. */
  const present = (items: ReadonlyArray<Message>, { retention }: MemberSnapshot) =>
    retention !== null || items.some((message) => message.expires_at !== null)
      ? Effect.map(Clock.currentTimeMillis, (now) => items.map((message) => asOf(message, now, retention)))
      : Effect.succeed(items)

  const listOf = ({ userId }: Identity, options: ListFilter & PageOptions) =>
    store.listOf(userId, options).pipe(Effect.catchTag("Conflict", () => Effect.fail(foreignCursor)))

  const reading: Reading = {
    list: listOf,

    find: (caller, options) => Effect.andThen(wait(admission.act(caller, "search")), listOf(caller, options)),

    show: (caller, id) => Effect.map(snapshotOf(caller, id), (snapshot) => snapshot.conversation),

    mySettings: (caller, id) => Effect.map(snapshotOf(caller, id), (snapshot) => snapshot.settings),

    members: Effect.fn("Conversations.members")(function* (caller, id, { after, limit }) {
      yield* snapshotOf(caller, id)
      const found = yield* store.membersOf(id, { after, limit: limit + 1 })
      return { items: found.slice(0, limit).map(memberView), hasMore: found.length > limit }
    }),

    history: Effect.fn("Conversations.history")(function* (caller, id, page) {
      const snapshot = yield* snapshotOf(caller, id)
      const viewer = viewerOf(caller, snapshot)
      const limit = page.limit ?? DEFAULT_PAGE
      const { hasMore, items } =
        page.after_seq === undefined
          ? yield* messages.before(id, page.before_seq, limit, viewer)
          : yield* messages.after(id, page.after_seq, limit, viewer)
      return { items: yield* present(items, snapshot), has_more: hasMore }
    }),

    search: Effect.fn("Conversations.search")(function* (caller, id, wanted) {
      yield* wait(admission.act(caller, "search"))
      if (id !== undefined) yield* snapshotOf(caller, id)
      const at = yield* Clock.currentTimeMillis
      return yield* messages
        .search({ userId: caller.userId, conversationId: id, at, ...wanted })
        .pipe(Effect.catchTag("Conflict", () => Effect.fail(foreignCursor)))
    }),

    message: Effect.fn("Conversations.message")(function* (caller, id, messageId) {
      const snapshot = yield* snapshotOf(caller, id)
      const viewer = viewerOf(caller, snapshot)
      const message = yield* messages.get(messageId, viewer)
      if (message?.conversation_id !== id) return yield* new NotFound({ what: "message" })
      return asOf(message, yield* Clock.currentTimeMillis, snapshot.retention)
    }),

    attachments: Effect.fn("Conversations.attachments")(function* (caller, id, { before, limit }) {
      const viewer = viewerOf(caller, yield* snapshotOf(caller, id))
      return yield* messages.attachments(id, before, limit, yield* Clock.currentTimeMillis, viewer)
    }),

    pins: Effect.fn("Conversations.pins")(function* (caller, id) {
      const snapshot = yield* snapshotOf(caller, id)
      const pins = yield* messages.pins(id, viewerOf(caller, snapshot))
      const now = yield* Clock.currentTimeMillis
      return pins.filter((pin) => !isOver(pin.message, now, snapshot.retention))
    }),

    join: Effect.fnUntraced(function* (
      caller,
      id,
      lastSeq,
      seen = 0
    ): Effect.fn.Return<Snapshot, Forbidden | UserBlocked | AskError> {
      yield* wait(admission.join(caller, lastSeq !== undefined))
      const snapshot = yield* registry.ask(id, "Snapshot", {
        userId: caller.userId,
        withPositions: true,
        seen: Math.max(seen, lastSeq ?? 0)
      })
      yield* directory.mayJoin(caller.userId, id)
      const { clearedSeq, conversation, currentSeq, lastHiddenSeq, positions, role } = snapshot
      const viewer = viewerOf(caller, snapshot)
      const resumed = lastSeq !== undefined
      const limit = resumed ? MAX_CATCH_UP : DEFAULT_PAGE
      const upToDate = currentSeq === 0 || (resumed && lastSeq >= currentSeq)
      const { hasMore, items } = upToDate
        ? nothing
        : resumed
          ? yield* messages.catchUp(id, lastSeq, limit, viewer)
          : yield* messages.before(id, undefined, limit, viewer)
      // At the position of a device that missed it, or later: see `MessageStore.hiddenSince`.
      const hidden_ids =
        resumed && viewer !== undefined && lastHiddenSeq >= lastSeq
          ? yield* messages.hiddenSince(id, viewer.userId, lastSeq, limit)
          : []
      return {
        conversation,
        role,
        my_settings: snapshot.settings,
        cleared_seq: clearedSeq,
        current_seq: currentSeq,
        resumed,
        messages: upTo(currentSeq, yield* present(items, snapshot)),
        has_more: hasMore,
        read_receipts: !snapshot.hidesReads,
        read_positions: positions,
        hidden_ids
      }
    })
  }
  return reading
})
