/** How much one member has written to a conversation in which nobody else has written since. */
import type { UserId } from "../../domain/Ids.ts"
import type { Rate } from "../../domain/Limits.ts"

export class Monologue {
  readonly #rate: Rate
  #speaker: UserId | undefined
  #since = 0
  #count = 0

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** Counts a message. Answers after how many milliseconds there is room again; 0 when there is. */
  wrote(userId: UserId, at: number): number {
    const { max, windowMs } = this.#rate
    if (userId !== this.#speaker || at >= this.#since + windowMs) {
      this.#speaker = userId
      this.#since = at
      this.#count = 0
    }
    if (this.#count >= max) return this.#since + windowMs - at
    this.#count++
    return 0
  }

  /** Somebody has written whom this node did not see. */
  interrupted(): void {
    this.#speaker = undefined
  }
}
