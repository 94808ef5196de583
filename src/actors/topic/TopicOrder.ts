/**
 * The order of one topic's durable events on this node. Events of several nodes can overtake each other on their
 * way; what came too early is held until what belongs before it has come, or until that is given up. Pure.
 */
import type { Publication } from "../../domain/ports/Broker.ts"

/** Events held at the most; past it the missing ones are given up. */
const MAX_HELD = 1_000

export class TopicOrder {
  /** The number of the last event that went out. */
  #last: number | undefined
  /** Storage has events up to this number. */
  #reached = 0
  readonly #held = new Map<number, Publication>()

  get last(): number | undefined {
    return this.#last
  }

  /** Whether events are missing that exist. */
  get isBehind(): boolean {
    return this.#last !== undefined && (this.#held.size > 0 || this.#reached > this.#last)
  }

  /** The number after which a subscriber wants events; the first one that tells is believed. */
  startsAt(seq: number): void {
    this.#last ??= seq
  }

  reached(seq: number): void {
    this.#reached = Math.max(this.#reached, seq)
  }

  /** Delivers it, and whatever it was waited for by; or holds it. One that comes late is delivered late. */
  accept(publication: Publication, seq: number, deliver: (publication: Publication) => void): void {
    if (this.#last === undefined || seq === this.#last + 1) {
      this.#last = seq
      deliver(publication)
      if (this.#held.size > 0) this.#release(deliver)
    } else if (seq <= this.#last) {
      deliver(publication)
    } else {
      this.#held.set(seq, publication)
      if (this.#held.size > MAX_HELD) this.giveUp(deliver)
    }
  }

  #release(deliver: (publication: Publication) => void): void {
    for (;;) {
      const next: number = (this.#last ?? 0) + 1
      const publication = this.#held.get(next)
      if (publication === undefined) return
      this.#held.delete(next)
      this.#last = next
      deliver(publication)
    }
  }

  /** Stops waiting: delivers what is held, in order. Answers up to which number events exist. */
  giveUp(deliver: (publication: Publication) => void): number {
    const held = Array.from(this.#held).sort(([a], [b]) => a - b)
    this.#held.clear()
    for (const [seq, publication] of held) {
      this.#last = seq
      deliver(publication)
    }
    this.#last = Math.max(this.#last ?? 0, this.#reached)
    return this.#last
  }
}
