/**
 * What is due to one socket. Everything pushed within one turn of the event loop leaves in one write. Bounded:
 * past the soft limit ephemeral frames (typing, presence, receipts) are dropped, past the hard limit the socket
 * is closed with 1013; its client reconnects and resumes from `last_seq`, so that nothing is lost by it. When a
 * peer that lost frames has read all that waited, its owner is told, to repair what can be repaired.
 */
import type { EncodedFrame } from "../topic/SharedFrame.ts"

/** The far end of an outbox: a WebSocket, a long-poll session, a test's array. */
export interface Transport {
  /** Accepted by the transport and not yet taken by the peer, in bytes (or characters, for text transports). */
  readonly buffered: () => number
  /** Answers whether the peer keeps up; if not, `buffered` is worth asking until it has drained. */
  readonly write: (frames: ReadonlyArray<EncodedFrame>) => boolean
  readonly close: (code: number, reason: string) => void
  /** Sets the one listener for "the peer had fallen behind and has now taken everything". */
  readonly onDrained: (listener: () => void) => void
}

export interface OutboxLimits {
  /** Characters waiting, past which ephemeral frames are dropped. */
  readonly soft: number
  /** Characters waiting, past which the socket is closed (1013). */
  readonly hard: number
}

/** RFC 6455's registry: "try again later". */
const TRY_AGAIN_LATER = 1013

/** Collects the outboxes that got frames in this turn and flushes them together at its end. */
class Turn {
  #dirty: Array<Outbox> = []
  #scheduled = false

  add(outbox: Outbox): void {
    this.#dirty.push(outbox)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#end)
  }

  readonly #end = (): void => {
    const dirty = this.#dirty
    this.#dirty = []
    this.#scheduled = false
    for (const outbox of dirty) outbox.flush()
  }
}

/** One per process, as the event loop is. */
const turn = new Turn()

/** What all outboxes have done so far, for metrics. */
export const outboxTotals = { written: 0, dropped: 0, closedSlow: 0 }

export class Outbox {
  readonly #transport: Transport
  readonly #limits: OutboxLimits
  #pending: Array<EncodedFrame> = []
  /** Whether the transport holds frames back. Asking it for every frame would cost more than the frame. */
  #isCongested = false
  #waiting = 0
  #closed = false
  #caughtUp: (() => void) | undefined
  /** Called, once each, when there is room for more than what is due by itself. */
  #onRoom: Array<() => void> = []
  /** Whether frames were dropped since the peer last had everything. */
  #behind = false
  /** Ephemeral frames dropped because this peer reads too slowly. */
  dropped = 0

  constructor(transport: Transport, limits: OutboxLimits) {
    this.#transport = transport
    this.#limits = limits
    transport.onDrained(() => {
      this.#isCongested = false
      this.#checkCaughtUp()
      this.#checkRoom()
    })
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Sets the one listener that is called when frames were dropped and the peer has read all the others since. */
  onCaughtUp(listener: () => void): void {
    this.#caughtUp = listener
  }

  /** False when the frame was dropped. */
  push(frame: EncodedFrame, ephemeral: boolean): boolean {
    if (this.#closed) return false
    // What waits already is judged, not the frame itself: the largest message still reaches a peer that keeps up.
    const waiting = this.#waiting + this.#buffered()
    if (ephemeral && waiting + frame.text.length > this.#limits.soft) {
      this.dropped++
      outboxTotals.dropped++
      this.#behind = true
      return false
    }
    if (waiting > 0 && waiting + frame.text.length > this.#limits.hard) {
      outboxTotals.closedSlow++
      this.close(TRY_AGAIN_LATER, "slow reader")
      return false
    }
    this.#waiting += frame.text.length
    if (this.#pending.push(frame) === 1) turn.add(this)
    return true
  }

  /**
   * Calls back, perhaps at once, when little enough waits that a page of old messages may follow: half of what costs
   * ephemeral frames. Never, once it is closed.
   */
  whenRoom(then: () => void): void {
    this.#onRoom.push(then)
    this.#checkRoom()
  }

  flush(): void {
    if (this.#closed || this.#pending.length === 0) return
    const frames = this.#pending
    this.#pending = []
    this.#waiting = 0
    outboxTotals.written += frames.length
    this.#isCongested = !this.#transport.write(frames)
    // A small backlog may be taken at once, without the transport ever saying "drained".
    this.#checkCaughtUp()
    this.#checkRoom()
  }

  /** Writes what is due, then closes the transport. Later pushes are ignored. */
  close(code: number, reason: string): void {
    if (this.#closed) return
    if (code !== TRY_AGAIN_LATER) this.flush()
    this.#closed = true
    this.#pending = []
    this.#onRoom = []
    this.#transport.close(code, reason)
  }

  #buffered(): number {
    return this.#isCongested ? this.#transport.buffered() : 0
  }

  #checkRoom(): void {
    if (this.#onRoom.length === 0 || this.#waiting + this.#buffered() > this.#limits.soft / 2) return
    for (const then of this.#onRoom.splice(0)) then()
  }

  #checkCaughtUp(): void {
    if (!this.#behind || this.#closed || this.#waiting > 0 || this.#buffered() > 0) return
    this.#behind = false
    this.#caughtUp?.()
  }
}
