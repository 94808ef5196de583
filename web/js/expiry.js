/**
 * Messages that disappear. The service makes tombstones of them when their time has come; here they are gone at once.
 */

/** What a person can choose, in seconds; 0 keeps messages. */
export const LIFETIMES = [
  { seconds: 0, words: "Keep messages", short: "" },
  { seconds: 5, words: "5 seconds", short: "5 s" },
  { seconds: 60, words: "1 minute", short: "1 min" },
  { seconds: 3600, words: "1 hour", short: "1 h" },
  { seconds: 86_400, words: "1 day", short: "1 d" }
]

const MAX_TIMER_MS = 2 ** 31 - 1

const endOf = (message) => (message.expires_at ? Date.parse(message.expires_at) : Number.POSITIVE_INFINITY)

export const isOver = (message) => endOf(message) <= Date.now()

/** Calls `ended()` whenever the next of the messages it watches is over. */
export class Expiry {
  #ended
  #timer

  constructor(ended) {
    this.#ended = ended
  }

  watch(messages) {
    clearTimeout(this.#timer)
    const next = Math.min(...messages.filter((message) => !isOver(message)).map(endOf))
    if (next === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(() => this.#ended(), Math.min(next - Date.now(), MAX_TIMER_MS))
  }
}
