/**
 * Telling the service how far this person has received and read: a little after the fact, in one go, and never
 * twice. What was read counts as received.
 */
const REPORT_AFTER_MS = 120

export class Reports {
  #push
  #newest
  #readTo
  #timer
  #delivered = 0
  #read = 0

  /**
   * `push(event, payload)` answers undefined while the channel is not joined; `newest()` answers
   * `{seq, isRead}` of the newest message of somebody else, or undefined; `read(seq)` is called when the service
   * is told what was read.
   */
  constructor({ push, newest, read }) {
    this.#push = push
    this.#newest = newest
    this.#readTo = read
  }

  /** What the service knows, by its own account at a join; the rest is reported again. */
  resume({ last_read_seq = 0, last_delivered_seq = 0 } = {}) {
    this.#read = last_read_seq
    this.#delivered = last_delivered_seq
    this.soon()
  }

  soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#report()
    }, REPORT_AFTER_MS)
  }

  #report() {
    const newest = this.#newest()
    if (newest === undefined) return
    const { seq, isRead } = newest
    if (isRead && seq > this.#read) {
      if (this.#push("mark_as_read", { seq }) === undefined) return
      this.#read = seq
      this.#delivered = seq
      this.#readTo(seq)
    } else if (seq > this.#delivered) {
      if (this.#push("message_delivered", { seq })) this.#delivered = seq
    }
  }
}
