/**
 * A bounded first-in-first-out queue of messages. An empty mailbox owns no memory but itself: a service holds tens
 * of thousands of idle ones. What to do with a message that finds it full is the actor's business.
 */
import type { Reply } from "./ReplyTo.ts"

export class Envelope<M> {
  readonly message: M
  /** The caller waiting for an answer to this message, if it is a call. */
  readonly reply: Reply | undefined
  isQueued = false
  next: Envelope<M> | undefined = undefined

  constructor(message: M, reply: Reply | undefined) {
    this.message = message
    this.reply = reply
  }
}

export class Mailbox<M> {
  readonly capacity: number
  size = 0
  private first: Envelope<M> | undefined = undefined
  private last: Envelope<M> | undefined = undefined

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get isFull(): boolean {
    return this.size >= this.capacity
  }

  /** Appends an envelope that is in no mailbox now, whatever the capacity. */
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
