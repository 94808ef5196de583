/**
 * Typing, both ways. Towards the service: one `typing_start` per few seconds of typing, one `typing_stop` after a
 * pause. From the service: who types now, with a deadline of our own in case a stop never comes.
 */

/** The service ends a typing after 10 s without news; this repeats well before. */
const REPEAT_MS = 4_000
const PAUSE_MS = 3_000
const FORGET_MS = 12_000

export class OwnTyping {
  #push
  #startedAt = 0
  #pause

  /** `push("typing_start" | "typing_stop")` */
  constructor(push) {
    this.#push = push
  }

  keystroke() {
    clearTimeout(this.#pause)
    this.#pause = setTimeout(() => this.stop(), PAUSE_MS)
    if (Date.now() - this.#startedAt < REPEAT_MS) return
    this.#startedAt = Date.now()
    this.#push("typing_start")
  }

  stop() {
    clearTimeout(this.#pause)
    if (this.#startedAt === 0) return
    this.#startedAt = 0
    this.#push("typing_stop")
  }
}

export class OthersTyping {
  #deadlines = new Map()
  #changed

  constructor(changed) {
    this.#changed = changed
  }

  get userIds() {
    return [...this.#deadlines.keys()]
  }

  set(userId, isTyping) {
    clearTimeout(this.#deadlines.get(userId))
    this.#deadlines.delete(userId)
    if (isTyping)
      this.#deadlines.set(
        userId,
        setTimeout(() => this.set(userId, false), FORGET_MS)
      )
    this.#changed()
  }

  clear() {
    for (const timer of this.#deadlines.values()) clearTimeout(timer)
    this.#deadlines.clear()
  }
}
