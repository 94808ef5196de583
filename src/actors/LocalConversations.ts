/** `Conversations` on one node: every conversation's actor is in this process's registry. */
import { Cause, Clock, Effect, Exit, FiberSet, Layer, Result } from "effect"
import type { Change } from "../domain/Changes.ts"
import {
  DEFAULT_PAGE,
  type NewAttachment,
  type SendMessage,
  type Sent,
  type UpToHere
} from "../domain/Commands.ts"
import { memberView } from "../domain/Conversation.ts"
import { Conflict, Forbidden, InvalidInput, NotFound, NotMember, type UserBlocked } from "../domain/Errors.ts"
import { asOf, isOver } from "../domain/Expiry.ts"
import type { Caller, Identity } from "../domain/Identity.ts"
import type { ConversationId, MessageId, UserId } from "../domain/Ids.ts"
import type { Rule } from "../domain/Limits.ts"
import type { Message, MessageType, Metadata } from "../domain/Message.ts"
import { forbids } from "../domain/Policy.ts"
import { Admission } from "../domain/ports/Admission.ts"
import { Broker } from "../domain/ports/Broker.ts"
import { ContentPolicy } from "../domain/ports/ContentPolicy.ts"
import { ConversationStore } from "../domain/ports/ConversationStore.ts"
import { Media } from "../domain/ports/Media.ts"
import { MessageStore, type Page } from "../domain/ports/MessageStore.ts"
import { wait } from "../domain/ports/RateLimiter.ts"
import { UserDirectory } from "../domain/ports/UserDirectory.ts"
import { newId } from "../domain/TimeOrderedId.ts"
import { UNANSWERED } from "./ConversationActor.ts"
import type { MemberSnapshot } from "./ConversationCommands.ts"
import * as Events from "./ConversationEvents.ts"
import { ConversationRegistry } from "./ConversationRegistry.ts"
import { type AskError, Conversations, type SendError, type Snapshot } from "./Conversations.ts"

/** Events a resume answers with at the most; a client further behind resumes again from what it got. */
const MAX_CATCH_UP = 1_000

const nothing: Page<Message> = { items: [], hasMore: false }

type Edit = Extract<Change, { readonly kind: "edit" }>

const invalid = (path: string, message: string) => new InvalidInput({ issues: [{ path, message }] })

const hasAttachments = ({ attachments }: SendMessage): boolean =>
  attachments !== undefined && attachments.length > 0

const isUnanswered = ({ cause }: Exit.Failure<unknown, SendError>): boolean => {
  const error = Cause.findErrorOption(cause)
  return error._tag === "Some" && error.value._tag === "RateLimited" && error.value.scope === UNANSWERED
}

/** What the caller once created under this name: they have left it, or it was deleted. */
const noLongerIn = new Conflict({ what: "the group of this external_group_id is no longer the caller's" })

const foreignCursor = invalid("cursor", "This cursor is not one of ours")

export const layer = Layer.effect(
  Conversations,
  Effect.gen(function* () {
    const registry = yield* ConversationRegistry
    const store = yield* ConversationStore
    const messages = yield* MessageStore
    const admission = yield* Admission
    const policy = yield* ContentPolicy
    const broker = yield* Broker
    const media = yield* Media
    const directory = yield* UserDirectory
    const clock = yield* Clock.Clock
    const run = yield* FiberSet.makeRuntime<never>()

    const snapshotOf = (caller: Identity, id: ConversationId) =>
      registry.ask(id, "Snapshot", { userId: caller.userId, withPositions: false })

    /** What was committed after the snapshot comes as an event: the subscription stands already. */
    const upTo = (seq: number, items: ReadonlyArray<Message>) => items.filter((message) => message.seq <= seq)

    /** Messages as they are now: of those whose time is over, the tombstones. */
    const present = (items: ReadonlyArray<Message>, { retention }: MemberSnapshot) =>
      retention !== null || items.some((message) => message.expires_at !== null)
        ? Effect.map(Clock.currentTimeMillis, (now) => items.map((message) => asOf(message, now, retention)))
        : Effect.succeed(items)

    /** Nothing is waited for where the message is admitted at once and has no attachments: nearly always. */
    const post: Conversations["Service"]["post"] = (caller, id, message, answered) => {
      const admitted = admission.message(caller.identity, id, message)
      if (!Result.isResult(admitted))
        return Effect.flatMap(admitted, (message) =>
          acceptWith(caller, id, message, maySend(caller.identity, id, message.message_type))
        )
      if (Result.isFailure(admitted)) {
        answered(Exit.fail(admitted.failure))
        return undefined
      }
      const fit = admitted.success
      const permission = maySend(caller.identity, id, fit.message_type)
      if (permission !== undefined || hasAttachments(fit)) return acceptWith(caller, id, fit, permission)
      queue(caller, id, fit, answered)
      return undefined
    }

    const queue = (
      caller: Caller,
      id: ConversationId,
      message: SendMessage,
      answered: (exit: Exit.Exit<Sent, SendError>) => void
    ): void =>
      registry.tell(id, "Post", { caller, message, at: clock.currentTimeMillisUnsafe() }, (exit) => {
        if (Exit.isFailure(exit) && isUnanswered(exit)) blockFor(caller, UNANSWERED, answered)
        else answered(exit)
      })

    const blockFor = (
      caller: Caller,
      rule: Rule,
      answered: (exit: Exit.Exit<never, UserBlocked>) => void
    ): void => admission.suspect(caller.identity.userId, rule, (refusal) => answered(Exit.fail(refusal)))

    const queued = (caller: Caller, id: ConversationId, message: SendMessage) =>
      Effect.callback<Sent, SendError>((resume) => queue(caller, id, message, resume))

    const acceptWith = Effect.fnUntraced(function* (
      caller: Caller,
      id: ConversationId,
      message: SendMessage,
      permission: ReturnType<typeof maySend>
    ) {
      if (permission !== undefined) yield* permission
      const { attachments = [] } = message
      if (attachments.length === 0) return queued(caller, id, message)
      yield* wait(admission.act(caller.identity, "media", attachments.length))
      yield* checkMedia(caller, id, attachments)
      return Effect.tap(queued(caller, id, message), (sent) =>
        tellMedia(caller.identity.userId, id, sent.message_id, attachments)
      )
    })

    /** In a direct conversation who may be written to depends on the other; in a group it does not. */
    const recipientsOf = Effect.fnUntraced(function* (caller: Identity, id: ConversationId) {
      const { conversation } = yield* snapshotOf(caller, id)
      if (conversation.type !== "direct") return []
      const members = yield* store.membersOf(id, { after: undefined, limit: 2 })
      return members.flatMap(({ userId }) => (userId === caller.userId ? [] : [userId]))
    })

    const maySend = (caller: Identity, conversationId: ConversationId, messageType: MessageType = "text") =>
      directory.maySend(
        { senderId: caller.userId, conversationId, messageType },
        recipientsOf(caller, conversationId)
      )

    const checkMedia = Effect.fnUntraced(function* (
      caller: Caller,
      id: ConversationId,
      attachments: ReadonlyArray<NewAttachment>
    ) {
      // Who is no member learns nothing of media either.
      yield* snapshotOf(caller.identity, id)
      yield* media.check(
        caller.identity.userId,
        id,
        attachments.map((attachment) => attachment.media_id)
      )
    })

    /** What is stored is stored, whatever the media service makes of it; nobody waits for that. */
    const tellMedia = (
      userId: UserId,
      conversationId: ConversationId,
      messageId: MessageId,
      attachments: ReadonlyArray<NewAttachment>
    ) =>
      Effect.sync(() => {
        for (const { media_id: mediaId } of attachments) {
          run(
            Effect.catch(media.linked({ mediaId, messageId, conversationId, userId }), (error) =>
              Effect.logWarning("The media service could not be told of an attachment", error).pipe(
                Effect.annotateLogs({ media_id: mediaId, message_id: messageId })
              )
            )
          )
        }
      })

    /** What the caller may see is left to the query only where they have hidden anything. */
    const viewerOf = (caller: Identity, { clearedSeq, lastHiddenSeq }: MemberSnapshot) =>
      lastHiddenSeq > 0 ? { userId: caller.userId, clearedSeq } : undefined

    const change: Conversations["Service"]["change"] = Effect.fnUntraced(
      function* (caller, id, messageId, wanted) {
        const snapshot = yield* snapshotOf(caller.identity, id)
        // An edit reaches others like a message does.
        const permission = wanted.kind === "edit" ? maySend(caller.identity, id) : undefined
        if (permission !== undefined) yield* permission
        const attachments = wanted.kind === "attach" ? [wanted.attachment] : []
        if (attachments.length > 0) yield* wait(admission.act(caller.identity, "media"))
        if (attachments.length > 0) yield* checkMedia(caller, id, attachments)
        // Hiding again what is hidden already is no mistake.
        const viewer = wanted.kind === "hide" ? undefined : viewerOf(caller.identity, snapshot)
        const found = yield* messages.get(messageId, viewer)
        const admitted =
          wanted.kind === "edit" ? yield* admitEdit(caller.identity, id, wanted, found) : wanted
        const at = yield* Clock.currentTimeMillis
        const target = found && asOf(found, at, snapshot.retention)
        const changed = registry.ask(id, "Change", { caller, target, change: admitted, at })
        return attachments.length === 0
          ? changed
          : Effect.tap(changed, () => tellMedia(caller.identity.userId, id, messageId, attachments))
      }
    )

    const message: Conversations["Service"]["message"] = Effect.fn("Conversations.message")(
      function* (caller, id, messageId) {
        const snapshot = yield* snapshotOf(caller, id)
        const viewer = viewerOf(caller, snapshot)
        const message = yield* messages.get(messageId, viewer)
        if (message?.conversation_id !== id) return yield* new NotFound({ what: "message" })
        return asOf(message, yield* Clock.currentTimeMillis, snapshot.retention)
      }
    )

    /** Nobody gets further than there are messages. */
    const seqOf = ({ identity }: Caller, id: ConversationId, { message_id, seq }: UpToHere) =>
      message_id === undefined || seq !== undefined
        ? Effect.succeed(seq ?? Number.MAX_SAFE_INTEGER)
        : Effect.map(message(identity, id, message_id), (found) => found.seq)

    /** What a conversation is called is read by all its members, like a message. */
    const admitMetadata = (caller: Identity, metadata: Metadata) =>
      Effect.map(
        Effect.fromResult(policy.judge(caller, { content: "", metadata })),
        (admitted) => admitted.metadata
      )

    /** The metadata that an edit keeps says whether its content may be looked into. */
    const admitEdit = (caller: Identity, id: ConversationId, edit: Edit, edited: Message | undefined) =>
      edit.metadata === null
        ? Effect.map(
            wait(admission.message(caller, id, { content: edit.content, metadata: edited?.metadata ?? {} })),
            ({ content }) => ({ ...edit, content })
          )
        : Effect.map(
            wait(admission.message(caller, id, { content: edit.content, metadata: edit.metadata })),
            (admitted) => ({ ...edit, ...admitted })
          )

    return Conversations.of({
      post,
      change,
      send: (caller, id, message) =>
        Effect.callback((resume) => {
          const waiting = post(caller, id, message, resume)
          if (waiting !== undefined) resume(Effect.flatten(waiting))
        }),

      create: Effect.fn("Conversations.create")(function* (caller, input, decidedId) {
        const memberIds = Array.from(new Set([caller.userId, ...input.member_ids]))
        if (input.type === "direct" && memberIds.length !== 2) {
          return yield* invalid("member_ids", "A direct conversation has exactly one other member")
        }
        const action = input.type === "direct" ? "contact_add" : "group_creation"
        yield* wait(admission.act(caller, action))
        yield* directory.mayInvite(
          caller.userId,
          memberIds.filter((userId) => userId !== caller.userId)
        )
        const { created, id } = yield* store.create({
          id: decidedId ?? (newId() as ConversationId),
          type: input.type,
          creator: caller.userId,
          memberIds,
          metadata: yield* admitMetadata(caller, input.metadata ?? {}),
          externalGroupId: input.external_group_id ?? null,
          externalGroupCreator: input.external_group_id === undefined ? undefined : caller.userId,
          createdAt: yield* Clock.currentTimeMillis
        })
        if (!created) admission.undo(caller, action)
        const { conversation } = yield* snapshotOf(caller, id).pipe(
          Effect.catchTag("NotMember", () => Effect.fail(noLongerIn))
        )
        if (created)
          for (const userId of memberIds) broker.publish(Events.conversationCreated(userId, conversation))
        return { conversation, created }
      }),

      list: (caller, options) =>
        store
          .listOf(caller.userId, options)
          .pipe(Effect.catchTag("Conflict", () => Effect.fail(foreignCursor))),

      show: (caller, id) => Effect.map(snapshotOf(caller, id), (snapshot) => snapshot.conversation),

      update: Effect.fnUntraced(function* (caller, id, wanted, expected) {
        const metadata = yield* admitMetadata(caller, wanted)
        const at = yield* Clock.currentTimeMillis
        return yield* registry.ask(id, "Update", {
          by: caller.userId,
          metadata,
          expected: expected ?? null,
          at
        })
      }),

      configure: (caller, id, settings, expected) =>
        registry.ask(id, "Configure", { by: caller.userId, settings, expected: expected ?? null }),

      mySettings: (caller, id) => Effect.map(snapshotOf(caller, id), (snapshot) => snapshot.settings),

      updateMySettings: (caller, id, settings) => registry.ask(id, "Prefer", { caller, settings }),

      clear: (caller, id) => registry.ask(id, "Clear", { caller }),

      close: Effect.fn("Conversations.close")(function* (caller, id) {
        const at = yield* Clock.currentTimeMillis
        yield* registry.ask(id, "Close", { by: caller.userId, at })
      }),

      members: Effect.fn("Conversations.members")(function* (caller, id, { after, limit }) {
        yield* snapshotOf(caller, id)
        const found = yield* store.membersOf(id, { after, limit: limit + 1 })
        return { items: found.slice(0, limit).map(memberView), hasMore: found.length > limit }
      }),

      changeRole: (caller, id, userId, role) =>
        registry.ask(id, "ChangeRole", { by: caller.userId, userId, role }),

      addMembers: Effect.fn("Conversations.addMembers")(function* (caller, id, input) {
        const { conversation, role } = yield* snapshotOf(caller, id)
        const as = input.role ?? "member"
        // Who may add nobody is not told whom the user service would let them add either.
        const rule =
          forbids(role, "add_member", conversation.type, conversation.settings) ??
          (as === "member"
            ? undefined
            : forbids(role, "grant_role", conversation.type, conversation.settings))
        if (rule !== undefined) return yield* new Forbidden({ rule })
        yield* wait(admission.act(caller, "contact_add"))
        const userIds = Array.from(new Set(input.user_ids))
        yield* directory.mayInvite(caller.userId, userIds)
        const at = yield* Clock.currentTimeMillis
        return yield* registry.ask(id, "AddMembers", {
          by: caller.userId,
          authority: "member",
          userIds,
          role: as,
          at
        })
      }),

      removeMember: Effect.fn("Conversations.removeMember")(function* (caller, id, userId) {
        const at = yield* Clock.currentTimeMillis
        yield* registry.ask(id, "RemoveMember", { by: caller.userId, authority: "member", userId, at })
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

      message,

      linkMedia: Effect.fn("Conversations.linkMedia")(function* (messageId, attachment) {
        const target = yield* messages.get(messageId)
        if (target === undefined) return yield* new NotFound({ what: "message" })
        const at = yield* Clock.currentTimeMillis
        const change = { kind: "attach", attachment } as const
        // Of a conversation that was deleted there is nothing left to attach to.
        yield* registry
          .ask(target.conversation_id, "Apply", { target, change, at })
          .pipe(Effect.catchTag("NotMember", () => Effect.fail(new NotFound({ what: "message" }))))
        return (yield* messages.get(messageId)) ?? target
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
      }),

      markRead: (caller, id, upTo) =>
        Effect.flatMap(seqOf(caller, id, upTo), (seq) =>
          registry.ask(id, "Advance", { caller, kind: "read", seq })
        ),

      markDelivered: (caller, id, upTo) =>
        Effect.flatMap(seqOf(caller, id, upTo), (seq) =>
          registry.ask(id, "Advance", { caller, kind: "delivered", seq })
        ),

      typing: Effect.fnUntraced(function* (caller, id, action) {
        if (action === "start") yield* wait(admission.act(caller.identity, "typing"))
        return yield* registry
          .ask(id, "Typing", { caller, action })
          .pipe(Effect.catchTag(["Forbidden", "NotFound"], () => Effect.fail(new NotMember())))
      })
    })
  })
)
