/**
 * How far everyone has received and read, and what that says about one message. Watermarks only ever move
 * forward, whatever order the news come in.
 */
export class Receipts {
  #byUser = new Map()
  /** Goes up whenever somebody has got further. */
  version = 0

  /** Takes the `read_positions` of a join reply. */
  mergeAll(positions) {
    for (const [userId, position] of Object.entries(positions)) this.merge(userId, position)
  }

  merge(userId, { last_read_seq = 0, last_delivered_seq = 0 }) {
    const known = this.#byUser.get(userId) ?? { read: 0, delivered: 0 }
    const read = Math.max(known.read, last_read_seq)
    const delivered = Math.max(known.delivered, last_delivered_seq, read)
    if (read === known.read && delivered === known.delivered) return
    this.version += 1
    this.#byUser.set(userId, { read, delivered })
  }

  readBy(userId) {
    return this.#byUser.get(userId)?.read ?? 0
  }

  deliveredTo(userId) {
    return this.#byUser.get(userId)?.delivered ?? 0
  }

  /** Who of `others` has read this far. */
  readersOf(seq, others) {
    return others.filter((userId) => this.readBy(userId) >= seq)
  }

  /** "sent", "delivered" or "read": what is true of the message for every one of `others`. */
  statusOf(seq, others) {
    if (others.length === 0) return "sent"
    if (this.readersOf(seq, others).length === others.length) return "read"
    if (others.every((userId) => this.deliveredTo(userId) >= seq)) return "delivered"
    return "sent"
  }
}
