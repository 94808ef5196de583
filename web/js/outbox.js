/**
 * What one person wrote in one conversation and the service has not acknowledged yet, and the sending of it. An
 * entry keeps its `client_random` over every retry, so a message whose acknowledgement was lost is never stored
 * twice. Entries leave when acknowledged, or when their author gives them up.
 */
import { clientRandom } from "./ids.js"
import { isPassing, waitOf } from "./refusal.js"

const MAX_ATTEMPTS = 4
const RETRY_MS = 1_500
/** Told to wait no longer than this, a message waits by itself; else its author decides. */
const MAX_WAIT_MS = 60_000

export class Outbox {
  #entries = []
  #hold
  #push
  #sent
  #changed

  /**
   * `push(event, payload)` answers a Phoenix push, or undefined while the channel is not joined;
   * `sent(entry, acknowledgement)` is called once per entry; `changed()` when an entry failed or waits again.
   */
  constructor({ push, sent, changed }) {
    this.#push = push
    this.#sent = sent
    this.#changed = changed
  }

  /** Oldest first. `state` is "waiting", "sending" or "failed" (then `refusal` says why). */
  get entries() {
    return this.#entries
  }

  /** Whether nothing is left that will still be sent without its author's doing. */
  get isSettled() {
    return this.#entries.every((entry) => entry.state === "failed")
  }

  /** `more` is what goes with the words: `replyToId`, `metadata`, `expiresIn`. */
  add(content, more = {}) {
    const entry = {
      ...more,
      clientRandom: clientRandom(),
      content,
      writtenAt: Date.now(),
      state: "waiting",
      attempts: 0
    }
    this.#entries = [...this.#entries, entry]
    this.flush()
  }

  /** Why nothing is sent for now, `{refusal, until}` with a time in ms; undefined while nothing stands against it. */
  get hold() {
    return this.#hold !== undefined && this.#hold.until > Date.now() ? this.#hold : undefined
  }

  /** Sends all that waits, in the order it was written. */
  flush() {
    if (this.hold !== undefined) return
    for (const entry of this.#entries) if (entry.state === "waiting") this.#send(entry)
  }

  retry(entry) {
    entry.state = "waiting"
    entry.attempts = 0
    this.flush()
  }

  /** Forgets an entry: it was acknowledged, or its author discards it. */
  remove(random) {
    this.#entries = this.#entries.filter((entry) => entry.clientRandom !== random)
  }

  /** The connection went: nobody knows what became of the sends under way, so all of them go again. */
  interrupted() {
    for (const entry of this.#entries) if (entry.state === "sending") entry.state = "waiting"
  }

  #send(entry) {
    const push = this.#push("send_message", {
      content: entry.content,
      client_random: entry.clientRandom,
      ...(entry.replyToId === undefined ? {} : { reply_to_id: entry.replyToId }),
      ...(entry.metadata === undefined ? {} : { metadata: entry.metadata }),
      ...(entry.expiresIn ? { expires_in: entry.expiresIn } : {})
    })
    if (push === undefined) return
    entry.state = "sending"
    entry.attempts += 1
    const attempt = entry.attempts
    // A refusal of an earlier attempt says nothing about the present one.
    const refused = (refusal) => {
      if (entry.attempts === attempt && entry.state === "sending") this.#refused(entry, refusal)
    }
    push
      .receive("ok", (acknowledgement) => this.#sent(entry, acknowledgement))
      .receive("error", refused)
      .receive("timeout", () => refused({ reason: "timeout" }))
  }

  #refused(entry, refusal) {
    entry.refusal = refusal
    const wait = waitOf(refusal)
    if (wait > 0) this.#holdFor(wait, refusal)
    if (wait > 0 && wait <= MAX_WAIT_MS) {
      entry.state = "waiting"
    } else if (isPassing(refusal) && entry.attempts < MAX_ATTEMPTS) {
      entry.state = "waiting"
      setTimeout(() => this.flush(), RETRY_MS * entry.attempts)
    } else {
      entry.state = "failed"
    }
    this.#changed()
  }

  /** Others that wait would be refused as well, each making it worse. */
  #holdFor(wait, refusal) {
    const until = Date.now() + wait
    if (this.hold !== undefined && this.hold.until >= until) return
    this.#hold = { refusal, until }
    if (wait > MAX_WAIT_MS) return
    setTimeout(() => {
      this.flush()
      this.#changed()
    }, wait)
  }
}
