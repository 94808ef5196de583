/**
 * The messages of one conversation as far as this client knows them, in order, and the position up to which it
 * knows everything. Pure data: no network, no page. A message keeps its place by `seq`; of two versions of it the
 * one with the higher `version_seq` stands.
 */
export class Timeline {
  #bySeq = new Map()
  #sorted = []

  constructor() {
    /** Every event up to this seq is known; what a rejoin sends as `last_seq`. */
    this.position = 0
    /** Whether the service has older messages than the first one here. */
    this.hasOlder = false
  }

  /** Known messages by ascending `seq`. The array is replaced, never changed. */
  get messages() {
    return this.#sorted
  }

  get firstSeq() {
    return this.#sorted[0]?.seq
  }

  /** Forgets everything and begins anew with a page of the newest messages. */
  reset(messages, position, hasOlder) {
    this.#bySeq.clear()
    this.#sorted = []
    this.merge(messages)
    this.position = position
    this.hasOlder = hasOlder
  }

  /** Takes in messages from anywhere (an event, an acknowledgement, a page), in any order, any number of times. */
  merge(messages) {
    for (const message of messages) {
      const known = this.#bySeq.get(message.seq)
      if (known === undefined || known.version_seq <= message.version_seq)
        this.#bySeq.set(message.seq, message)
    }
    this.#sorted = [...this.#bySeq.values()].sort((a, b) => a.seq - b.seq)
  }

  /** Moves the position to an event's seq. False when events between are missing: then catch up from `position`. */
  advance(seq) {
    if (seq > this.position + 1) return false
    this.position = Math.max(this.position, seq)
    return true
  }
}
