/**
 * Notices that an actor has been idle for its idle time. The timer is not moved at each message: that would cost more
 * than the message. It looks at when the last one was when it fires, and goes on waiting for the rest.
 */
import type { Timer, Timers } from "./Timers.ts"

export interface IdleOwner {
  /** Whether there is something to do now, or someone waiting. */
  readonly isBusy: boolean
  readonly idleTimeIsOver: () => void
}

export class IdleTimer implements Timer {
  at = 0
  slot = -1
  private readonly owner: IdleOwner
  private readonly timers: Timers
  private readonly idleMs: number
  private lastActive = 0

  constructor(owner: IdleOwner, timers: Timers, idleMs: number) {
    this.owner = owner
    this.timers = timers
    this.idleMs = idleMs
  }

  /** There is nothing left to do, for now. */
  rest(): void {
    this.lastActive = this.timers.now()
    if (this.slot < 0) this.timers.schedule(this, this.idleMs)
  }

  cancel(): void {
    this.timers.cancel(this)
  }

  fire(): void {
    const restMs = this.owner.isBusy ? this.idleMs : this.idleMs - (this.timers.now() - this.lastActive)
    if (restMs > 0) this.timers.schedule(this, restMs)
    else this.owner.idleTimeIsOver()
  }
}
