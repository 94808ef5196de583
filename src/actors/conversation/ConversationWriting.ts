/**
 * The way of messages and of their changes to the conversation's actor: what is asked before (admission, the user service,
 * the media service), and who is told after.
 */
import { Cause, Clock, Effect, Exit, FiberSet, Result } from "effect"
import type { Change } from "../../domain/Changes.ts"
import type { NewAttachment, SendMessage, Sent } from "../../domain/Commands.ts"
import { NotFound, type UserBlocked } from "../../domain/Errors.ts"
import { asOf } from "../../domain/Expiry.ts"
import type { Caller, Identity } from "../../domain/Identity.ts"
import type { ConversationId, MessageId, UserId } from "../../domain/Ids.ts"
import type { Rule } from "../../domain/Limits.ts"
import type { Message, MessageType } from "../../domain/Message.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import { Media } from "../../domain/ports/Media.ts"
import { MessageStore } from "../../domain/ports/MessageStore.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { UserDirectory } from "../../domain/ports/UserDirectory.ts"
import { UNANSWERED } from "./ConversationActor.ts"
import { snapshots, viewerOf } from "./ConversationReading.ts"
import { ConversationRegistry } from "./ConversationRegistry.ts"
import type { Conversations, SendError } from "./Conversations.ts"

type Edit = Extract<Change, { readonly kind: "edit" }>
type Attach = Extract<Change, { readonly kind: "attach" }>

/** What can be done and undone without end, each time with a number, and told to everybody. */
const repeatable: ReadonlySet<Change["kind"]> = new Set(["react", "unreact", "pin", "unpin"])

const hasAttachments = ({ attachments }: SendMessage): boolean =>
  attachments !== undefined && attachments.length > 0

const isUnanswered = ({ cause }: Exit.Failure<unknown, SendError>): boolean => {
  const error = Cause.findErrorOption(cause)
  return error._tag === "Some" && error.value._tag === "RateLimited" && error.value.scope === UNANSWERED
}

type Writing = Pick<Conversations["Service"], "post" | "send" | "change" | "linkMedia">

export const make = Effect.gen(function* () {
  const registry = yield* ConversationRegistry
  const store = yield* ConversationStore
  const messages = yield* MessageStore
  const admission = yield* Admission
  const media = yield* Media
  const directory = yield* UserDirectory
  const clock = yield* Clock.Clock
  const run = yield* FiberSet.makeRuntime<never>()
  const snapshotOf = snapshots(registry)

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

  /** What is said of a medium is read like a message, and counts as one. */
  const admitAttachment = (caller: Identity, id: ConversationId, attach: Attach) =>
    attach.attachment.metadata === undefined
      ? Effect.succeed(attach)
      : Effect.map(
          wait(admission.message(caller, id, { content: "", metadata: attach.attachment.metadata })),
          ({ metadata }): Attach => ({ ...attach, attachment: { ...attach.attachment, metadata } })
        )

  const admit = (caller: Identity, id: ConversationId, wanted: Change, found: Message | undefined) => {
    if (wanted.kind === "edit") return admitEdit(caller, id, wanted, found)
    return wanted.kind === "attach" ? admitAttachment(caller, id, wanted) : Effect.succeed(wanted)
  }

  const change: Conversations["Service"]["change"] = Effect.fnUntraced(
    function* (caller, id, messageId, wanted) {
      const snapshot = yield* snapshotOf(caller.identity, id)
      if (repeatable.has(wanted.kind)) yield* wait(admission.act(caller.identity, "reaction"))
      // An edit reaches others like a message does.
      const permission = wanted.kind === "edit" ? maySend(caller.identity, id) : undefined
      if (permission !== undefined) yield* permission
      const attachments = wanted.kind === "attach" ? [wanted.attachment] : []
      if (attachments.length > 0) yield* wait(admission.act(caller.identity, "media"))
      if (attachments.length > 0) yield* checkMedia(caller, id, attachments)
      // Hiding again what is hidden already is no mistake.
      const viewer = wanted.kind === "hide" ? undefined : viewerOf(caller.identity, snapshot)
      const found = yield* messages.get(messageId, viewer)
      const admitted: Change = yield* admit(caller.identity, id, wanted, found)
      const at = yield* Clock.currentTimeMillis
      const target = found && asOf(found, at, snapshot.retention)
      const changed = registry.ask(id, "Change", { caller, target, change: admitted, at })
      return attachments.length === 0
        ? changed
        : Effect.tap(changed, () => tellMedia(caller.identity.userId, id, messageId, attachments))
    }
  )

  const writing: Writing = {
    post,
    change,
    send: (caller, id, message) =>
      Effect.callback((resume) => {
        const waiting = post(caller, id, message, resume)
        if (waiting !== undefined) resume(Effect.flatten(waiting))
      }),

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
    })
  }
  return writing
})
