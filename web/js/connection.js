/**
 * One official Phoenix socket and what a person should know about it: connecting, live, reconnecting, offline on
 * purpose, or unable to begin. Channels are the business of whoever opens them; the client itself rejoins them
 * after every reconnect.
 */
import { Socket } from "/assets/vendor/phoenix.mjs"

const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 5_000
const PING_EVERY_MS = 10_000
/** Not at once: right after opening, joins are in the way. */
const FIRST_PING_AFTER_MS = 1_000

export class Connection {
  #session
  #changed
  #retry
  #pinger

  /** `changed()` is called after every change of `state`, `refusal` or `roundTripMs`. */
  constructor(session, changed) {
    this.#session = session
    this.#changed = changed
    /** "connecting" | "live" | "reconnecting" | "offline" | "refused" */
    this.state = "connecting"
    /** Why there is no token, while there is none. */
    this.refusal = undefined
    /** Milliseconds to the service and back, when last measured. */
    this.roundTripMs = undefined
    this.socket = new Socket("/socket", { authToken: () => session.token })
    this.socket.onOpen(() => this.#opened())
    this.socket.onClose(() => this.#lost())
    // A refused handshake has no readable status in a browser; it may be the token, so the next try has a new one.
    this.socket.onError(() => session.renew().catch(() => {}))
    this.#pinger = setInterval(() => this.#measure(), PING_EVERY_MS)
  }

  get isLive() {
    return this.state === "live"
  }

  /** Gets a token, however long that takes, then connects. */
  async start(wait = FIRST_RETRY_MS) {
    try {
      await this.#session.renew()
      this.refusal = undefined
      if (this.state === "offline") return
      this.#become("connecting")
      this.socket.connect()
    } catch (refusal) {
      this.refusal = refusal
      this.#become("refused")
      this.#retry = setTimeout(() => this.start(Math.min(wait * 2, MAX_RETRY_MS)), wait)
    }
  }

  /** Drops the connection and stays away until `restore`. */
  drop() {
    this.#become("offline")
    this.socket.disconnect()
  }

  restore() {
    this.#become("connecting")
    this.socket.connect()
  }

  close() {
    clearTimeout(this.#retry)
    clearInterval(this.#pinger)
    this.state = "offline"
    this.socket.disconnect()
  }

  #opened() {
    this.#become("live")
    setTimeout(() => this.#measure(), FIRST_PING_AFTER_MS)
  }

  #lost() {
    this.roundTripMs = undefined
    if (this.state === "live") this.#become("reconnecting")
  }

  #measure() {
    this.socket.ping((milliseconds) => {
      this.roundTripMs = milliseconds
      this.#changed()
    })
  }

  #become(state) {
    this.state = state
    this.#changed()
  }
}
