/**
 * What one person wrote in one conversation and the service has not acknowledged yet. An entry keeps its
 * `client_random` over every retry, so a message whose acknowledgement was lost is never stored twice. Entries
 * leave when acknowledged, or when their author gives them up. When to send is the room's decision.
 */
import { clientRandom } from "./ids.js"

export class Outbox {
  #entries = []

  /** Oldest first. `state` is "waiting", "sending" or "failed" (then `refusal` says why). */
  get entries() {
    return this.#entries
  }

  get isEmpty() {
    return this.#entries.length === 0
  }

  add(content) {
    this.#entries = [
      ...this.#entries,
      {
        clientRandom: clientRandom(),
        content,
        writtenAt: Date.now(),
        state: "waiting",
        attempts: 0,
        refusal: undefined
      }
    ]
  }

  /** Removes an acknowledged or discarded entry and answers it, if it was still here. */
  remove(random) {
    const entry = this.#entries.find((candidate) => candidate.clientRandom === random)
    if (entry !== undefined) this.#entries = this.#entries.filter((candidate) => candidate !== entry)
    return entry
  }

  waiting() {
    return this.#entries.filter((entry) => entry.state === "waiting")
  }

  /** The connection went: nobody knows what became of the sends under way, so all of them go again. */
  interrupted() {
    for (const entry of this.#entries) if (entry.state === "sending") entry.state = "waiting"
  }
}
