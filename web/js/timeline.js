/**
 * The messages of one conversation as far as this client knows them, in order, and the position up to which it
 * knows everything. Pure data: no network, no page. A message keeps its place by `seq`; of two versions of it the
 * one with the higher `version_seq` stands.
 */
export class Timeline {
  #bySeq = new Map()
  #sorted = []
  #hidden = new Set()

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
    this.#sort()
  }

  find(messageId) {
    return this.#sorted.find((message) => message.id === messageId)
  }

  /** A newer version of a message; one that is not known, an older page will bring. */
  replace(message) {
    if (this.find(message.id) !== undefined) this.merge([message])
  }

  /** A change that came without its message: `change(message)` answers what of it is different now. */
  patch(messageId, seq, change) {
    const known = this.find(messageId)
    if (known !== undefined && known.version_seq < seq)
      this.merge([{ ...known, ...change(known), version_seq: seq }])
  }

  /** Forgets a message that the person deleted for themselves, for good: a reply under way may still bring it. */
  hide(messageId) {
    this.#hidden.add(messageId)
    this.#sort()
  }

  /** The person has deleted the conversation for themselves up to here. */
  clearTo(seq) {
    for (const known of this.#bySeq.keys()) if (known <= seq) this.#bySeq.delete(known)
    this.#sort()
  }

  #sort() {
    this.#sorted = [...this.#bySeq.values()]
      .filter((message) => !this.#hidden.has(message.id))
      .sort((a, b) => a.seq - b.seq)
  }

  /** Moves the position to an event's seq. False when events between are missing: then catch up from `position`. */
  advance(seq) {
    if (seq > this.position + 1) return false
    this.position = Math.max(this.position, seq)
    return true
  }
}
