/**
 * Paces what comes in storms: connections and joins, of which a deploy or an outage of the network brings thousands at
 * once. They are begun in the order in which they came, a few in each turn of the event loop; between the turns goes on
 * what is live. How many may wait is the caller's business.
 */

/** Begun in one turn. One costs some tenths of a millisecond, so this is what a storm adds to a message's way. */
const PER_TURN = 8

export class Arrivals {
  readonly #waiting: Array<() => void> = []
  /** Of `waiting`, those that have begun. */
  #head = 0
  #begun = 0
  #isScheduled = false

  get waiting(): number {
    return this.#waiting.length - this.#head
  }

  /** Begins at once, or when its turn comes. What it does must not throw. */
  enter(begin: () => void): void {
    this.#schedule()
    if (this.waiting > 0 || this.#begun >= PER_TURN) return void this.#waiting.push(begin)
    this.#begun++
    begin()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#isScheduled = false
    this.#begun = 0
    const turn = this.#waiting.slice(this.#head, this.#head + PER_TURN)
    this.#head += turn.length
    // Forgotten together: taken out one by one, thousands would be moved each time.
    if (this.#head * 2 >= this.#waiting.length) {
      this.#waiting.splice(0, this.#head)
      this.#head = 0
    }
    if (turn.length > 0) this.#schedule()
    this.#begun = turn.length
    for (const begin of turn) begin()
  }
}
