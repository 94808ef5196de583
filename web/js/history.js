/** Older messages of a conversation: a page at a time as one scrolls, or all the way back to one message. */
const PAGE = 50
const LARGEST_PAGE = 200

const answerOf = (push) =>
  new Promise((resolve) => {
    const nothing = () => resolve(undefined)
    push.receive("ok", resolve).receive("error", nothing).receive("timeout", nothing)
  })

export class History {
  #timeline
  #push
  #fetch
  #changed
  #loading

  /**
   * `push(event, payload)` answers a Phoenix push, or undefined while the channel is not joined; `fetch(messageId)`
   * one message, or throws a refusal.
   */
  constructor({ timeline, push, fetch, changed }) {
    this.#timeline = timeline
    this.#push = push
    this.#fetch = fetch
    this.#changed = changed
  }

  /** Answers whether a page came. Callers at the same time share it. */
  loadOlder(limit = PAGE) {
    this.#loading ??= this.#load(limit).finally(() => {
      this.#loading = undefined
      this.#changed()
    })
    return this.#loading
  }

  /** The message, with everything after it known as well; undefined where it cannot be read any more. */
  async reach(messageId) {
    const known = this.#timeline.find(messageId)
    if (known !== undefined) return known
    const { seq } = await this.#fetch(messageId)
    while (this.#timeline.firstSeq > seq && (await this.loadOlder(LARGEST_PAGE)));
    return this.#timeline.find(messageId)
  }

  async #load(limit) {
    if (!this.#timeline.hasOlder) return false
    const push = this.#push("history", { before_seq: this.#timeline.firstSeq, limit })
    const page = push && (await answerOf(push))
    if (page === undefined) return false
    this.#timeline.merge(page.items)
    this.#timeline.hasOlder = page.has_more
    return true
  }
}
