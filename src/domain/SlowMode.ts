/**
 * Slow mode: an ordinary member waits from one message to the next. Held by the conversation's actor, so that a send
 * is judged without asking anybody; what it knows at its beginning comes from the messages themselves.
 */
import { RateLimited } from "./Errors.ts"
import type { UserId } from "./Ids.ts"
import type { RecentSend } from "./ports/ConversationStore.ts"

export class SlowMode {
  readonly #interval: number
  readonly #last: Map<UserId, RecentSend>

  constructor(seconds: number, recent: ReadonlyMap<UserId, RecentSend>) {
    this.#interval = seconds * 1000
    this.#last = new Map(recent)
  }

  /** Why not now (Unix ms). The retry of a member's last send may always pass: it becomes no second message. */
  refuses(userId: UserId, clientRandom: number, at: number): RateLimited | undefined {
    const last = this.#last.get(userId)
    if (last === undefined || last.clientRandom === clientRandom) return undefined
    const wait = last.at + this.#interval - at
    return wait > 0 ? new RateLimited({ scope: "slow_mode", limit: 1, retryAfterMs: wait }) : undefined
  }

  /** Counts from its acceptance, so that of two at once the second waits. */
  sent(userId: UserId, send: RecentSend): void {
    const last = this.#last.get(userId)
    if (last?.clientRandom !== send.clientRandom && (last === undefined || last.at < send.at))
      this.#last.set(userId, send)
  }

  /** It was not stored after all. */
  failed(userId: UserId, clientRandom: number): void {
    if (this.#last.get(userId)?.clientRandom === clientRandom) this.#last.delete(userId)
  }
}
