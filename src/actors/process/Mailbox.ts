/**
 * A first-in-first-out queue of messages. An empty mailbox owns no memory but itself: a service holds tens of
 * thousands of idle ones. How many it may hold, and what becomes of one too many, is the actor's business.
 */
import type { PendingCall } from "./PendingCalls.ts"

export class Envelope<M> {
  readonly message: M
  /** The caller waiting for an answer to this message, if it is a call. */
  readonly call: PendingCall | undefined
  isQueued = false
  next: Envelope<M> | undefined = undefined

  constructor(message: M, call: PendingCall | undefined) {
    this.message = message
    this.call = call
  }
}

export class Mailbox<M> {
  size = 0
  private first: Envelope<M> | undefined = undefined
  private last: Envelope<M> | undefined = undefined

  /** Appends an envelope that is in no mailbox now. */
  push(envelope: Envelope<M>): void {
    if (this.last === undefined) this.first = envelope
    else this.last.next = envelope
    this.last = envelope
    envelope.isQueued = true
    this.size++
  }

  take(): Envelope<M> | undefined {
    const envelope = this.first
    if (envelope === undefined) return undefined
    this.first = envelope.next
    if (this.first === undefined) this.last = undefined
    this.size--
    envelope.isQueued = false
    envelope.next = undefined
    return envelope
  }

  clear(): void {
    this.first = undefined
    this.last = undefined
    this.size = 0
  }
}
