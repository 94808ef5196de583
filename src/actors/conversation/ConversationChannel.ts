/**
 * The channel `conversation:{id}` of one socket. It turns events into calls of `Conversations` and hands the events of
 * the conversation's feed to its socket, from the join reply on.
 */
import { Cause, Effect, Exit, Result } from "effect"
import { decodeChange } from "../../domain/ChangeRequests.ts"
import { History, JoinConversation, type SendMessage, type Sent, UpTo } from "../../domain/Commands.ts"
import { isPassing } from "../../domain/ConversationEvent.ts"
import { decoder } from "../../domain/Decode.ts"
import type { InvalidInput, Refusal } from "../../domain/Errors.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import { decodeSend } from "../../domain/PlainMessage.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import type { Ref } from "../../domain/protocol/Frame.ts"
import { ChannelPresence, DIFF_EVENT } from "../presence/ChannelPresence.ts"
import { PresenceTracker } from "../presence/PresenceTracker.ts"
import type { Channel, ChannelHost, Joined } from "../session/Channel.ts"
import { refuse, reply, unknownEvent } from "../session/ChannelReply.ts"
import type { SharedFrame } from "../topic/SharedFrame.ts"
import { TopicHub } from "../topic/TopicHub.ts"
import { ConversationFeed, type FeedSink } from "./ConversationFeed.ts"
import { Conversations, type SendError, type Snapshot } from "./Conversations.ts"

const decodeJoin = decoder(JoinConversation)
const decodeUpTo = decoder(UpTo)
const decodeHistory = decoder(History)

class ConversationChannel implements Channel, FeedSink {
  readonly topic: string
  readonly joinRef: Ref
  readonly #host: ChannelHost
  readonly #id: ConversationId
  readonly #services: Services
  readonly #feed: ConversationFeed
  /** `undefined` for a client that wants no presence. */
  readonly #presence: ChannelPresence | undefined

  constructor(
    host: ChannelHost,
    services: Services,
    id: ConversationId,
    topic: string,
    joinRef: Ref,
    wantsPresence: boolean
  ) {
    this.#host = host
    this.#services = services
    this.#id = id
    this.topic = topic
    this.joinRef = joinRef
    if (wantsPresence) this.#presence = new ChannelPresence(host, services.presence, topic, joinRef)
    this.#feed = new ConversationFeed(services.hub, topic, this)
  }

  get existing(): number {
    return this.#feed.existing
  }

  get caller() {
    return this.#host.caller
  }

  snapshotAt(snapshot: Snapshot): void {
    this.#feed.snapshotAt(snapshot)
  }

  event({ event }: Publication, frame: SharedFrame): void {
    if (event === DIFF_EVENT) this.#presence?.diff(frame.for(this.#host.serializer))
    else this.#host.send(frame.for(this.#host.serializer), isPassing(event))
  }

  /** Its client rejoins, and resumes. */
  interrupted(): void {
    this.#host.crash(this)
  }

  opened(): void {
    if (this.#feed.open()) this.#presence?.open()
  }

  presenceChanged(): void {
    this.#presence?.statusChanged()
  }

  caughtUp(): void {
    this.#presence?.caughtUp()
  }

  close(): void {
    this.#feed.close()
    this.#presence?.close()
  }

  handleIn(event: string, payload: unknown, ref: Ref): Effect.Effect<void> | undefined {
    const { conversations } = this.#services
    const { caller } = this.#host
    switch (event) {
      case "send_message":
        return this.#post(ref, decodeSend(payload))
      case "mark_as_read":
        return this.#answer(ref, decodeUpTo(payload), (upTo) =>
          conversations.markRead(caller, this.#id, upTo)
        )
      case "message_delivered":
        return this.#answer(ref, decodeUpTo(payload), (upTo) =>
          conversations.markDelivered(caller, this.#id, upTo)
        )
      case "typing_start":
        return this.#answer(ref, nothing, () => conversations.typing(caller, this.#id, "start"))
      case "typing_stop":
        return this.#answer(ref, nothing, () => conversations.typing(caller, this.#id, "stop"))
      case "history":
        return this.#answer(ref, decodeHistory(payload), (page) =>
          conversations.history(caller.identity, this.#id, page)
        )
      default: {
        const asked = decodeChange(event, payload)
        if (asked === undefined) return Effect.sync(() => unknownEvent(this.#host, this, ref, event))
        return this.#pipelined(ref, asked, ({ change, messageId }) =>
          conversations.change(caller, this.#id, messageId, change)
        )
      }
    }
  }

  #answer<I, A>(
    ref: Ref,
    input: Result.Result<I, InvalidInput>,
    run: (input: I) => Effect.Effect<A, Refusal>
  ): Effect.Effect<void> {
    if (Result.isFailure(input)) return Effect.sync(() => refuse(this.#host, this, ref, input.failure))
    return run(input.success).pipe(
      Effect.match({
        onSuccess: (response) => reply(this.#host, this, ref, JSON.stringify(response ?? {})),
        onFailure: (refusal) => refuse(this.#host, this, ref, refusal)
      })
    )
  }

  /** A message, without a fiber where nothing has to be waited for before it is queued. */
  #post(ref: Ref, input: Result.Result<SendMessage, InvalidInput>): Effect.Effect<void> | undefined {
    if (Result.isFailure(input)) {
      refuse(this.#host, this, ref, input.failure)
      return undefined
    }
    let isAnswered = false
    let answer = (exit: Exit.Exit<Sent, SendError>): void => {
      isAnswered = true
      this.#posted(ref, exit)
    }
    const waiting = this.#services.conversations.post(this.#host.caller, this.#id, input.success, (exit) =>
      answer(exit)
    )
    if (waiting !== undefined) return this.#pipelined(ref, nothing, () => waiting)
    if (!isAnswered) answer = this.#host.expect(answer)
    return undefined
  }

  #posted(ref: Ref, exit: Exit.Exit<Sent, SendError>): void {
    if (Exit.isSuccess(exit)) return reply(this.#host, this, ref, JSON.stringify(exit.value))
    const refusal = Cause.findErrorOption(exit.cause)
    if (refusal._tag === "None") throw Cause.squash(exit.cause)
    refuse(this.#host, this, ref, refusal.value)
  }

  /**
   * Waits only until the command is accepted in order, not until it is done: the next event of this socket may
   * be handled while this one's commit is under way.
   */
  #pipelined<I, A>(
    ref: Ref,
    input: Result.Result<I, InvalidInput>,
    accept: (input: I) => Effect.Effect<Effect.Effect<A, Refusal>, Refusal>
  ): Effect.Effect<void> {
    if (Result.isFailure(input)) return Effect.sync(() => refuse(this.#host, this, ref, input.failure))
    return accept(input.success).pipe(
      Effect.match({
        onSuccess: (done) => this.#host.fork(this.#answer(ref, nothing, () => done)),
        onFailure: (refusal) => refuse(this.#host, this, ref, refusal)
      })
    )
  }
}

const nothing = Result.succeed(undefined)

interface Services {
  readonly hub: TopicHub["Service"]
  readonly conversations: Conversations["Service"]
  readonly presence: PresenceTracker["Service"]
}

/** How sockets join `conversation:{id}`. */
export const make = Effect.gen(function* () {
  const services: Services = {
    hub: yield* TopicHub,
    conversations: yield* Conversations,
    presence: yield* PresenceTracker
  }
  return Effect.fnUntraced(function* (
    host: ChannelHost,
    id: ConversationId,
    topic: string,
    joinRef: Ref,
    payload: unknown
  ): Effect.fn.Return<Joined, Refusal> {
    const { last_seq: lastSeq, presence = true } = yield* Effect.fromResult(decodeJoin(payload ?? {}))
    const channel = new ConversationChannel(host, services, id, topic, joinRef, presence)
    const snapshot = yield* services.conversations
      .join(host.caller.identity, id, lastSeq ?? undefined, channel.existing)
      .pipe(Effect.onError(() => Effect.sync(() => channel.close())))
    channel.snapshotAt(snapshot)
    return { channel, response: JSON.stringify(snapshot) }
  })
})
