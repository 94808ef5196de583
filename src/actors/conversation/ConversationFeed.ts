/**
 * The events of one conversation as one subscriber gets them: each once, in order, none missing. It is subscribed
 * before the snapshot is read; what is published meanwhile waits until its subscriber has opened it. Where an event is
 * missing, the feed says so, once, and delivers nothing more: its subscriber resumes from the last number it has.
 */
import type { Identity } from "../../domain/Identity.ts"
import type { SessionId } from "../../domain/Ids.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import { DIFF_EVENT } from "../presence/ChannelPresence.ts"
import type { SharedFrame } from "../topic/SharedFrame.ts"
import type { Subscriber, TopicHub } from "../topic/TopicHub.ts"
import { INTERRUPTED, MEMBER_CHANGED, RECEIPTS_CHANGED } from "./ConversationEvents.ts"
import type { Snapshot } from "./Conversations.ts"

/** Where the events of a feed go. */
export interface FeedSink {
  /** Events that this session has caused for others do not come back to it. */
  readonly caller: { readonly identity: Identity; readonly sessionId: SessionId }
  readonly event: (publication: Publication, frame: SharedFrame) => void
  /** Something is missing. Called when the feed is open, or as it is opened; then nothing more comes. */
  readonly interrupted: () => void
}

/** Events that wait for the snapshot at the most; past it the feed counts as interrupted. */
const MAX_WAITING = 10_000

interface Waiting {
  readonly publication: Publication
  readonly frame: SharedFrame
}

export class ConversationFeed implements Subscriber {
  readonly #hub: TopicHub["Service"]
  readonly #topic: string
  readonly #sink: FeedSink
  /** What was published before the feed was opened; `undefined` from then on. */
  #waiting: Array<Waiting> | undefined = []
  /** The number of the last durable event that the subscriber has. */
  #currentSeq = 0
  #isInterrupted = false
  #hasEnded = false
  /** Whether its user is told how far others have read. */
  #readReceipts = true
  /** Durable events up to this number exist. */
  #existing = 0

  constructor(hub: TopicHub["Service"], topic: string, sink: FeedSink) {
    this.#hub = hub
    this.#topic = topic
    this.#sink = sink
    hub.subscribe(topic, this)
    this.#existing = hub.lastOf(topic)
  }

  /** A snapshot must hold events up to this number: others here have had them before the feed was subscribed. */
  get existing(): number {
    return this.#existing
  }

  /** The snapshot holds everything up to `currentSeq`: what waits with a lower number is in it already. */
  snapshotAt({ current_seq: currentSeq, read_receipts }: Snapshot): void {
    this.#currentSeq = currentSeq
    this.#readReceipts = read_receipts
    this.#hub.startsAt(this.#topic, currentSeq)
  }

  deliver(publication: Publication, frame: SharedFrame): void {
    if (publication.except === this.#sink.caller.sessionId) return
    if (publication.event === MEMBER_CHANGED) return
    if (publication.event === RECEIPTS_CHANGED) return this.#receiptsChanged(publication)
    if (publication.event === "read_receipt" && !this.#readReceipts) return
    if (publication.event === INTERRUPTED) return this.#interrupted()
    if (this.#waiting === undefined) return this.#forward(publication, frame)
    // Whatever state follows the snapshot holds what a diff would have told before it.
    if (publication.event === DIFF_EVENT) return
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ publication, frame })
    else this.#interrupted()
  }

  #receiptsChanged({ payload }: Publication): void {
    const changed = JSON.parse(payload) as { readonly user_id: string; readonly read_receipts: boolean }
    if (changed.user_id === this.#sink.caller.identity.userId) this.#readReceipts = changed.read_receipts
  }

  /** What the snapshot or an earlier event has told is not told twice. */
  #forward(publication: Publication, frame: SharedFrame): void {
    const { seq } = publication
    if (this.#isInterrupted) return
    if (seq !== null) {
      if (seq <= this.#currentSeq) return
      if (seq > this.#currentSeq + 1) return this.#interrupted()
      this.#currentSeq = seq
    }
    this.#sink.event(publication, frame)
  }

  missed(upTo: number): void {
    this.#existing = Math.max(this.#existing, upTo)
    if (this.#waiting === undefined && upTo > this.#currentSeq) this.#interrupted()
  }

  /** Told at once, or when the feed is opened: its snapshot may be older than what was missed. */
  #interrupted(): void {
    this.#isInterrupted = true
    if (this.#waiting === undefined) this.#end()
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#sink.interrupted()
  }

  /** The subscriber has the snapshot: what waited for it follows. False when something is missing. */
  open(): boolean {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const { publication, frame } of waiting) this.#forward(publication, frame)
    const isWhole = !this.#isInterrupted && this.#existing <= this.#currentSeq
    if (!isWhole) this.#end()
    return isWhole
  }

  /** Idempotent. */
  close(): void {
    this.#hub.unsubscribe(this.#topic, this)
  }
}
