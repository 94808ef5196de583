/**
 * The actor of one conversation: the only place that decides what happens in it, and in which order. It holds
 * the state, lets `domain/Conversation` decide, hands durable work to storage and goes on; when storage has
 * committed, it answers the caller and publishes. It never waits for a commit, so a conversation's throughput is
 * not bound by its latency.
 *
 * Gotcha: storage numbers the events, not the actor. Should another node own this conversation as well, the order
 * in Postgres stays one and gapless. The actor follows its topic like any subscriber: what it did not do itself
 * another owner did, and its state is loaded again before the next command.
 */
import { Clock, Effect, Result } from "effect"
import { type ChangeLimits, judge } from "../../domain/Changes.ts"
import type { NewAttachment, SendMessage, Sent } from "../../domain/Commands.ts"
import {
  advance,
  type Member,
  memberOf,
  positions,
  type ReadPosition,
  type State,
  view
} from "../../domain/Conversation.ts"
import {
  type Forbidden,
  NotFound,
  NotMember,
  type Overloaded,
  RateLimited,
  type Unavailable
} from "../../domain/Errors.ts"
import type { Caller } from "../../domain/Identity.ts"
import type { ConversationId, MessageId, SessionId, UserId } from "../../domain/Ids.ts"
import type { Rate } from "../../domain/Limits.ts"
import type { Message } from "../../domain/Message.ts"
import { authorize, may } from "../../domain/Policy.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { Broker, type Publication } from "../../domain/ports/Broker.ts"
import { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import {
  type AppendError,
  type ChangeOutcome,
  MessageWriter,
  type NewChange,
  type NewMessage
} from "../../domain/ports/MessageWriter.ts"
import { SlowMode } from "../../domain/SlowMode.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import * as Topic from "../../domain/Topic.ts"
import type { Behaviour, Self } from "../process/Behaviour.ts"
import { isAbnormal } from "../process/ExitReason.ts"
import type { ReplyTo } from "../process/ReplyTo.ts"
import { type Subscriber, TopicHub } from "../topic/TopicHub.ts"
import { Notifier } from "../user/Notifier.ts"
import { OfflineDispatch } from "../user/OfflineDispatch.ts"
import type { Command, MemberSnapshot } from "./ConversationCommands.ts"
import * as Events from "./ConversationEvents.ts"
import { type Managed, Management } from "./ConversationManagement.ts"
import { Monologue } from "./Monologue.ts"

/** The scope of the refusal of a message to a conversation in which nobody answers. */
export const UNANSWERED = "unanswered"

/** A typing indicator ends by itself after this long. */
const TYPING_TIMEOUT = "10 seconds"

interface Services {
  readonly store: ConversationStore["Service"]
  readonly writer: MessageWriter["Service"]
  readonly broker: Broker["Service"]
  readonly limits: ChangeLimits
  /** Messages of one member in a row, at the most. */
  readonly unanswered: Rate | undefined
  /** Members at the most of whom each is told how far all have read. */
  readonly maxPositions: number | undefined
  readonly hub: TopicHub["Service"]
  readonly offline: OfflineDispatch["Service"]
  readonly notifier: Notifier["Service"]
  readonly audit: AuditLog["Service"]
}

interface Loaded {
  readonly state: State
  readonly slowMode: SlowMode | undefined
}

/** One that was deleted is not found: nobody can do anything with it any more. */
const load = Effect.fnUntraced(function* (store: Services["store"], id: ConversationId) {
  const state = yield* store.load(id)
  if (!state.isActive) return yield* new NotFound({ what: "conversation" })
  const seconds = state.settings.slow_mode_seconds
  if (seconds === 0) return { state, slowMode: undefined }
  const since = (yield* Clock.currentTimeMillis) - seconds * 1000
  return { state, slowMode: new SlowMode(seconds, yield* store.recentSends(id, since)) }
})

/** Changes of the state that a publication tells of and this actor may not have made. */
const CHANGES: ReadonlySet<string> = new Set([
  "member_added",
  "members_added",
  "member_removed",
  "member_updated",
  "conversation_updated",
  "conversation_deleted",
  "read_receipt",
  "delivery_receipt",
  Events.MEMBER_CHANGED,
  Events.RECEIPTS_CHANGED,
  Events.INTERRUPTED
])

class Conversation implements Subscriber, Managed {
  state: State
  readonly #management = new Management(this)
  /** Only while slow mode is on. */
  #slowMode: SlowMode | undefined
  readonly #services: Services
  readonly #self: Self<Command>
  readonly #typing = new Map<UserId, () => void>()
  /** Another owner has written: reload before the next command. */
  #stale = false
  /** The last durable event that has come this way, or that the loaded state had in it. */
  #seen: number
  /** A publication of this actor is on its way to this node's subscribers, the actor among them. */
  #isPublishing = false
  #monologue: Monologue | undefined

  constructor(services: Services, self: Self<Command>, { slowMode, state }: Loaded) {
    this.#services = services
    this.#self = self
    this.state = state
    this.#slowMode = slowMode
    this.#seen = state.lastSeq
  }

  deliver({ event, payload, seq }: Publication): void {
    if (seq === null) {
      if (!this.#isPublishing && CHANGES.has(event)) this.#stale = true
      return
    }
    if (this.#slowMode !== undefined && !this.#isPublishing && event === "new_message") {
      const { client_random, sender_id, sent_at } = JSON.parse(payload) as Message
      this.#slowMode.sent(sender_id, { at: Date.parse(sent_at), clientRandom: client_random })
    }
    if (seq > this.#seen + 1) this.#stale = true
    if (!this.#isPublishing) this.#monologue?.interrupted()
    this.#reached(seq)
  }

  missed(upTo: number): void {
    if (upTo > this.#seen) this.#stale = true
    this.#reached(upTo)
  }

  #reached(seq: number): void {
    this.#seen = Math.max(this.#seen, seq)
    if (seq > this.state.lastSeq) this.state = { ...this.state, lastSeq: seq }
  }

  inDoubt(): void {
    this.#stale = true
  }

  get store() {
    return this.#services.store
  }

  get audit() {
    return this.#services.audit
  }

  gone(userId: UserId): void {
    this.#stopTyping(userId, null)
  }

  tell(publication: Publication): void {
    this.#publish(publication)
  }

  #publish(publication: Publication): void {
    this.#isPublishing = true
    this.#services.broker.publish(publication)
    this.#isPublishing = false
  }

  handle(command: Command): Effect.Effect<void> | void {
    const isAhead = command._tag === "Snapshot" && (command.seen ?? 0) > this.state.lastSeq
    if (!this.#stale && !isAhead) return this.#dispatch(command)
    return Effect.matchEffect(isAhead ? this.#compare() : this.#reload(), {
      onSuccess: () => Effect.suspend(() => this.#dispatch(command) ?? Effect.void),
      // Who is a member is in doubt: nobody is answered from a state that may be old.
      onFailure: (error) =>
        Effect.sync(() => {
          if (command._tag === "TypingEnded") this.#stopTyping(command.userId, null)
          else command.reply.fail(error)
        })
    })
  }

  #dispatch(command: Command): Effect.Effect<void> | void {
    switch (command._tag) {
      case "Post":
        return this.#post(command.caller, command.message, command.at, command.reply)
      case "Change":
        return this.#change(command)
      case "Apply":
        return this.#apply(command)
      case "Snapshot":
        return answer(
          command.reply,
          Result.map(memberOf(this.state, command.userId), (member) =>
            this.#snapshot(member, command.withPositions)
          )
        )
      case "Advance":
        return this.#advance(command.caller, command.kind, command.seq, command.reply)
      case "Typing":
        return this.#setTyping(command.caller, command.action, command.reply)
      case "TypingEnded":
        return this.#stopTyping(command.userId, null)
      default:
        return this.#management.handle(command)
    }
  }

  #snapshot(member: Member, withPositions: boolean): MemberSnapshot {
    return {
      conversation: view(this.state),
      role: member.role,
      settings: member.settings,
      clearedSeq: member.clearedSeq,
      currentSeq: this.state.lastSeq,
      positions: withPositions ? positions(this.state, member, this.#services.maxPositions) : {},
      hidesReads: member.hidesReads === true,
      lastHiddenSeq: member.lastHiddenSeq,
      retention: retentionOf(this.state)
    }
  }

  #post(
    caller: Caller,
    message: SendMessage,
    at: number,
    reply: ReplyTo<Sent, NotMember | Forbidden | RateLimited | AppendError>
  ): void {
    const { userId } = caller.identity
    const allowed = authorize(this.state, userId, "send")
    if (Result.isFailure(allowed)) return void reply.fail(allowed.failure)
    const overdone = this.#overdone(userId, at)
    if (overdone !== undefined) return void reply.fail(overdone)
    const slowed = this.#slowMode?.refuses(userId, message.client_random, at)
    if (slowed !== undefined && !may(this.state, allowed.success, "skip_slow_mode"))
      return void reply.fail(slowed)
    this.#slowMode?.sent(userId, { at, clientRandom: message.client_random })
    const fresh: NewMessage = {
      id: newId() as MessageId,
      conversationId: this.state.id,
      senderId: userId,
      replyToId: message.reply_to_id ?? null,
      messageType: message.message_type ?? "text",
      content: message.content,
      metadata: message.metadata ?? {},
      clientRandom: message.client_random,
      sentAt: at,
      expiresAt: expiryOf(this.state, message, at),
      attachments: message.attachments === undefined ? none : message.attachments.map(attachmentOf)
    }
    this.#services.writer.append(fresh, (result) => {
      if (Result.isFailure(result)) {
        this.#slowMode?.failed(userId, fresh.clientRandom)
        return void reply.fail(result.failure)
      }
      const { duplicate, id, sentAt, seq } = result.success
      if (!duplicate) {
        this.#committed(seq)
        this.#stopTyping(userId, null)
        const stored = Events.fresh(fresh, result.success)
        this.#publish(Events.newMessage(stored))
        this.#services.offline.committed(this.state, seq)
        this.#services.notifier.committed(this.state, stored)
      }
      reply.succeed({ message_id: id, seq, sent_at: new Date(sentAt).toISOString(), duplicate })
    })
  }

  /** Too many messages that nobody answers, where there is anybody who could. */
  #overdone(userId: UserId, at: number): RateLimited | undefined {
    const { unanswered } = this.#services
    if (unanswered === undefined || this.state.members.size < 2) return undefined
    this.#monologue ??= new Monologue(unanswered)
    const retryAfterMs = this.#monologue.wrote(userId, at)
    if (retryAfterMs === 0) return undefined
    const { max, windowMs } = unanswered
    return new RateLimited({ scope: UNANSWERED, limit: max, windowMs, retryAfterMs })
  }

  #change({ at, caller, change, reply, target }: Extract<Command, { readonly _tag: "Change" }>): void {
    const { userId } = caller.identity
    const judged = judge(this.state, userId, target, change, at, this.#services.limits)
    if (Result.isFailure(judged)) return void reply.fail(judged.failure)
    const wanted: NewChange = {
      id: newId(),
      conversationId: this.state.id,
      messageId: judged.success.id,
      userId,
      at,
      change
    }
    this.#services.writer.change(wanted, (result) => {
      if (Result.isFailure(result)) return void reply.fail(result.failure)
      const { changed, versionSeq } = result.success
      if (changed) this.#changed(caller, judged.success, wanted, result.success)
      reply.succeed({ message_id: wanted.messageId, version_seq: versionSeq, changed })
    })
  }

  #apply({ at, change, reply, target }: Extract<Command, { readonly _tag: "Apply" }>): void {
    const wanted: NewChange = {
      id: newId(),
      conversationId: this.state.id,
      messageId: target.id,
      userId: target.sender_id,
      at,
      change
    }
    this.#services.writer.change(wanted, (result) => {
      if (Result.isFailure(result)) return void reply.fail(result.failure)
      const { changed, versionSeq } = result.success
      if (changed) this.#told(target, wanted, change, result.success)
      reply.succeed({ message_id: target.id, version_seq: versionSeq, changed })
    })
  }

  #told(target: Message, change: NewChange, what: Events.PublicChange, outcome: ChangeOutcome): void {
    this.#committed(outcome.versionSeq)
    this.#publish(Events.messageChanged(target, change, what, outcome))
    this.#services.offline.committed(this.state, outcome.versionSeq)
  }

  #changed(caller: Caller, target: Message, change: NewChange, outcome: ChangeOutcome): void {
    const isOthers = target.sender_id !== change.userId
    if (change.change.kind === "delete" && isOthers) this.#recordDeletion(target, change.userId)
    if (change.change.kind !== "hide") return this.#told(target, change, change.change, outcome)
    const member = this.state.members.get(change.userId)
    if (member !== undefined) {
      this.state.members.set(member.userId, { ...member, lastHiddenSeq: this.state.lastSeq })
    }
    this.#publish(Events.memberChanged(this.state.id))
    this.#publish(Events.messageHidden(change.userId, this.state.id, change.messageId, caller.sessionId))
  }

  /** Somebody else than its sender has deleted a message for everyone. */
  #recordDeletion({ conversation_id, id, sender_id }: Message, by: UserId): void {
    this.#services.audit.note({
      action: "message.deleted",
      outcome: "done",
      actor: by,
      targets: [
        { type: "conversation", id: conversation_id },
        { type: "message", id },
        { type: "user", id: sender_id }
      ]
    })
  }

  #committed(seq: number): void {
    this.state = { ...this.state, lastSeq: Math.max(this.state.lastSeq, seq) }
  }

  #advance(
    caller: Caller,
    kind: "read" | "delivered",
    seq: number,
    reply: ReplyTo<ReadPosition, NotMember | Unavailable | Overloaded>
  ): void {
    const found = memberOf(this.state, caller.identity.userId)
    if (Result.isFailure(found)) return void reply.fail(found.failure)
    const moved = advance(this.state, found.success, kind === "read" ? { read: seq } : { delivered: seq })
    if (moved === undefined) return void reply.succeed(position(found.success))
    const { id } = this.state
    const { lastDeliveredSeq: deliveredSeq, lastReadSeq: readSeq, userId } = moved
    this.#services.store.advance({ conversationId: id, userId, readSeq, deliveredSeq }, (result) => {
      if (Result.isFailure(result)) return void reply.fail(result.failure)
      // Committed now, and only now: a second mark of the same position waits for its own commit.
      const current = this.state.members.get(userId) ?? moved
      const reached = advance(this.state, current, { read: readSeq, delivered: deliveredSeq })
      if (reached !== undefined) {
        if (this.state.members.has(userId)) this.state.members.set(userId, reached)
        const isPublic = kind === "read" && reached.hidesReads !== true
        const receipt = isPublic ? Events.readReceipt : Events.deliveryReceipt
        // To all of a large conversation they would be as many as it has members, squared.
        const isLarge = this.state.members.size > (this.#services.maxPositions ?? Infinity)
        this.#publish(isLarge ? Events.memberChanged(id) : receipt(id, reached, caller.sessionId))
        const status = kind === "read" ? Events.readStatus : Events.deliveryStatus
        this.#publish(status(id, reached, caller.sessionId))
      }
      reply.succeed(position(reached ?? current))
    })
  }

  #setTyping(caller: Caller, action: "start" | "stop", reply: ReplyTo<void, NotMember | Forbidden>): void {
    const { userId } = caller.identity
    const allowed = authorize(this.state, userId, "send")
    if (Result.isFailure(allowed)) return void reply.fail(allowed.failure)
    if (action === "stop") {
      this.#stopTyping(userId, caller.sessionId)
    } else {
      const renewed = this.#typing.get(userId)
      renewed?.()
      this.#typing.set(userId, this.#self.sendAfter(TYPING_TIMEOUT, { _tag: "TypingEnded", userId }))
      if (renewed === undefined) {
        this.#publish(Events.typing(this.state.id, userId, "start", caller.sessionId))
      }
    }
    reply.succeed(undefined)
  }

  #stopTyping(userId: UserId, except: SessionId | null): void {
    const cancel = this.#typing.get(userId)
    if (cancel === undefined) return
    cancel()
    this.#typing.delete(userId)
    this.#publish(Events.typing(this.state.id, userId, "stop", except))
  }

  /** Who asks has seen more than this actor, or says so: storage knows. */
  #compare(): Effect.Effect<void, NotMember | Unavailable> {
    return this.store.lastSeq(this.state.id).pipe(
      Effect.catchTag("NotFound", () => Effect.fail(new NotMember())),
      Effect.flatMap((seq) => {
        this.missed(seq)
        return this.#stale ? this.#reload() : Effect.void
      })
    )
  }

  #reload(): Effect.Effect<void, NotMember | Unavailable> {
    // What another owner does while this loads marks it again, and is not lost.
    this.#stale = false
    return load(this.#services.store, this.state.id).pipe(
      Effect.map(({ slowMode, state }) => {
        this.#slowMode = slowMode
        this.state = { ...state, lastSeq: Math.max(state.lastSeq, this.state.lastSeq) }
        this.#seen = Math.max(this.#seen, this.state.lastSeq)
      }),
      Effect.onError(() =>
        Effect.sync(() => {
          this.#stale = true
        })
      ),
      Effect.catchTag("NotFound", () => Effect.fail(new NotMember()))
    )
  }
}

const none: ReadonlyArray<never> = []

const attachmentOf = (attachment: NewAttachment) => ({
  id: newId(),
  mediaId: attachment.media_id,
  mediaType: attachment.media_type,
  metadata: attachment.metadata ?? {}
})

const retentionOf = ({ settings }: State): number | null =>
  settings.retention_seconds === null ? null : settings.retention_seconds * 1000

/** What the sender says, or else the conversation. */
const expiryOf = ({ settings }: State, message: SendMessage, at: number): number | null => {
  const seconds = message.expires_in ?? settings.message_ttl_seconds
  return seconds === null ? null : at + seconds * 1000
}

const position = (member: Member): ReadPosition => ({
  last_read_seq: member.lastReadSeq,
  last_delivered_seq: member.lastDeliveredSeq
})

const answer = <A, E>(reply: ReplyTo<A, E>, result: Result.Result<A, E>): void =>
  void (Result.isSuccess(result) ? reply.succeed(result.success) : reply.fail(result.failure))

/** Builds the behaviour of any conversation's actor. */
export const make = Effect.fnUntraced(function* (
  limits: ChangeLimits,
  unanswered?: Rate,
  maxPositions?: number
) {
  const services: Services = {
    limits,
    unanswered,
    maxPositions,
    store: yield* ConversationStore,
    writer: yield* MessageWriter,
    broker: yield* Broker,
    hub: yield* TopicHub,
    offline: yield* OfflineDispatch,
    notifier: yield* Notifier,
    audit: yield* AuditLog
  }
  return (id: ConversationId): Behaviour<Command, Conversation, NotMember | Unavailable> => ({
    init: (self) =>
      load(services.store, id).pipe(
        Effect.map((loaded) => {
          // What it had committed and not yet published, nobody else will publish.
          self.onExit((exit) => isAbnormal(exit) && services.broker.publish(Events.interrupted(id)))
          const conversation = new Conversation(services, self, loaded)
          const topic = Topic.ofConversation(id)
          services.hub.subscribe(topic, conversation)
          services.hub.startsAt(topic, loaded.state.lastSeq)
          self.onExit(() => services.hub.unsubscribe(topic, conversation))
          return conversation
        }),
        Effect.catchTag("NotFound", () => Effect.fail(new NotMember()))
      ),
    handle: (command, conversation) => {
      const work = conversation.handle(command)
      return work === undefined ? conversation : Effect.as(work, conversation)
    }
  })
})
