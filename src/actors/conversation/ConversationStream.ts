/**
 * The events of a conversation as a stream, for one reader: the snapshot, further ones as long as there is more to catch
 * up with than one holds, then what its feed tells. The reader's pace is its own: what waits for a slow one is bounded,
 * first by leaving out what passes (typing, receipts), then by ending the stream, which is resumed from the last number it has told.
 */
import { Cause, Effect, Option, Queue, Stream } from "effect"
import {
  type ConversationEvent,
  isConversationEvent,
  isPassing,
  SNAPSHOT,
  StreamEnded
} from "../../domain/ConversationEvent.ts"
import type { Forbidden, NotMember, Overloaded, TokenRejected, UserBlocked } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { ConversationId, SessionId } from "../../domain/Ids.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import * as Topic from "../../domain/Topic.ts"
import type { OutboxLimits } from "../session/Outbox.ts"
import { TopicHub } from "../topic/TopicHub.ts"
import { ConversationFeed, type FeedSink } from "./ConversationFeed.ts"
import { type AskError, Conversations, type Snapshot } from "./Conversations.ts"

/** How a stream ends that had begun. */
export type StreamEnd = NotMember | TokenRejected | StreamEnded

export type StreamError = StreamEnd | Forbidden | UserBlocked | Overloaded | AskError

/** A stream as those see it who may end it. */
export interface OpenStream {
  readonly topic: string
  /** What waits is still told; then the stream fails with this. */
  readonly end: (reason: StreamEnd) => void
}

/** Whose streams they are: the session of the connection they go over. */
export interface StreamHost {
  readonly caller: { readonly identity: Identity; readonly sessionId: SessionId }
  /** Waits for a turn among those who join. */
  readonly turn: Effect.Effect<void>
  /** False when it has as many as it may have. */
  readonly addStream: (stream: OpenStream) => boolean
  readonly removeStream: (stream: OpenStream) => void
}

/** Events that wait at the most, whatever their size. */
const MAX_EVENTS = 10_000

class Live implements FeedSink, OpenStream {
  readonly topic: string
  readonly feed: ConversationFeed
  readonly #host: StreamHost
  readonly #queue: Queue.Queue<Publication, StreamEnd>
  readonly #limits: OutboxLimits
  /** Characters. */
  #waiting = 0

  constructor(
    host: StreamHost,
    hub: TopicHub["Service"],
    topic: string,
    queue: Queue.Queue<Publication, StreamEnd>,
    limits: OutboxLimits
  ) {
    this.#host = host
    this.topic = topic
    this.#queue = queue
    this.#limits = limits
    this.feed = new ConversationFeed(hub, topic, this)
  }

  get caller() {
    return this.#host.caller
  }

  event(publication: Publication): void {
    if (!isConversationEvent(publication.event)) return
    const waiting = this.#waiting + publication.payload.length
    if (isPassing(publication.event) && waiting > this.#limits.soft) return
    const isTooMuch = this.#waiting > 0 && waiting > this.#limits.hard
    if (isTooMuch || !Queue.offerUnsafe(this.#queue, publication)) {
      return this.end(new StreamEnded({ reason: "slow" }))
    }
    this.#waiting = waiting
  }

  interrupted(): void {
    this.end(new StreamEnded({ reason: "interrupted" }))
  }

  end(reason: StreamEnd): void {
    this.feed.close()
    Queue.failCauseUnsafe(this.#queue, Cause.fail(reason))
  }

  /** The reader has taken it. */
  readonly told = ({ event, payload, seq }: Publication): ConversationEvent => {
    this.#waiting -= payload.length
    // Written by `ConversationEvents`, and by nobody else.
    return { event, seq, payload: JSON.parse(payload) } as ConversationEvent
  }
}

/** Up to which number a snapshot tells, and whether there is more before the present. */
const reach = ({ current_seq, has_more, messages, resumed }: Snapshot) => {
  const last = messages.at(-1)
  const isPart = resumed && has_more && last !== undefined
  return { isPart, seq: isPart ? last.version_seq : current_seq }
}

/** How connections follow a conversation. */
export const make = Effect.fnUntraced(function* (limits: OutboxLimits) {
  const hub = yield* TopicHub
  const conversations = yield* Conversations

  const open = Effect.fnUntraced(function* (
    host: StreamHost,
    id: ConversationId,
    lastSeq: number | undefined,
    full: Overloaded
  ) {
    const queue = yield* Queue.dropping<Publication, StreamEnd>(MAX_EVENTS)
    const live = yield* Effect.acquireRelease(
      Effect.sync(() => new Live(host, hub, Topic.ofConversation(id), queue, limits)),
      (live) =>
        Effect.sync(() => {
          live.feed.close()
          host.removeStream(live)
        })
    )
    if (!host.addStream(live)) return yield* full

    const page = Effect.fnUntraced(function* (after: number | undefined) {
      yield* host.turn
      const snapshot = yield* conversations.join(host.caller.identity, id, after, live.feed.existing)
      live.feed.snapshotAt(snapshot)
      const { isPart, seq } = reach(snapshot)
      const event: ConversationEvent = { event: SNAPSHOT, seq, payload: snapshot }
      return [[event], isPart ? Option.some<number | undefined>(seq) : Option.none()] as const
    })
    const events = Stream.suspend(() => {
      live.feed.open()
      return Stream.map(Stream.fromQueue(queue), live.told)
    })
    return Stream.concat(Stream.paginate(lastSeq, page), events)
  })

  return (
    host: StreamHost,
    id: ConversationId,
    lastSeq: number | undefined,
    full: Overloaded
  ): Stream.Stream<ConversationEvent, StreamError> => Stream.unwrap(open(host, id, lastSeq, full))
})
