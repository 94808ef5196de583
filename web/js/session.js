/**
 * One person on one device, and the token that proves it. Tokens come from the development issuer and are
 * renewed before they run out; nobody else in the page asks for one.
 */
import { uuid } from "./ids.js"
import { recallInTab, rememberInTab } from "./storage.js"

const RENEW_BEFORE_MS = 60_000
const MAX_TIMER_MS = 2 ** 31 - 1
const REQUEST_TIMEOUT_MS = 10_000

/** The same device over reloads, another one in each pane and tab. */
const deviceFor = (pane, personId) => {
  const key = `device:${pane}:${personId}`
  const known = recallInTab(key)
  if (typeof known === "string") return known
  const made = `web-${uuid().slice(0, 8)}`
  rememberInTab(key, made)
  return made
}

export class Session {
  #renewal
  #timer
  #renewed

  /** `renewed(token)` is called with every token after the first. */
  constructor(person, pane, renewed) {
    this.person = person
    this.deviceId = deviceFor(pane, person.id)
    this.token = ""
    this.#renewed = renewed
  }

  /** Fetches a token; callers at the same time share one request. Rejects with `{reason}`. */
  renew() {
    this.#renewal ??= this.#request().finally(() => {
      this.#renewal = undefined
    })
    return this.#renewal
  }

  /** Its token, asked for where there is none yet. Rejects with `{reason}`. */
  async credential() {
    if (this.token === "") await this.renew()
    return this.token
  }

  close() {
    clearTimeout(this.#timer)
  }

  async #request() {
    const response = await fetch("/dev/token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user_id: this.person.id, device_id: this.deviceId }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    }).catch(() => {
      throw { reason: "unreachable" }
    })
    if (response.status === 404) throw { reason: "no_dev_tokens" }
    if (!response.ok) throw { reason: "unavailable" }
    const issued = await response.json()
    const first = this.token === ""
    this.token = issued.token
    this.#schedule(Date.parse(issued.expires_at))
    if (!first) this.#renewed(this.token)
  }

  #schedule(expiresAt) {
    clearTimeout(this.#timer)
    const wait = Math.max(RENEW_BEFORE_MS, expiresAt - Date.now() - RENEW_BEFORE_MS)
    // A failure needs no handling here: the socket renews by itself when it is refused.
    if (wait < MAX_TIMER_MS) this.#timer = setTimeout(() => this.renew().catch(() => {}), wait)
  }
}
