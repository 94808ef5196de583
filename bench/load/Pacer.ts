/**
 * Open-loop pacing: how many sends are due by now at a given rate, whatever the server does meanwhile. A late
 * tick releases what it owes at once, so the mean rate is kept; how late it was is remembered, because a
 * generator that cannot keep its own schedule measures itself.
 */

/** The schedule alone, without a clock: send `n` (from 0) is due at `start + n / rate`. */
export class Schedule {
  readonly #start: number
  readonly #microsPerSend: number
  #issued = 0
  #maxLag = 0

  /** `start` in microseconds, `rate` in sends per second. */
  constructor(start: number, rate: number) {
    this.#start = start
    this.#microsPerSend = 1_000_000 / rate
  }

  /** How many sends to issue at `now` (microseconds); they count as issued. */
  take(now: number): number {
    const total = Math.floor((now - this.#start) / this.#microsPerSend) + 1
    const due = Math.max(0, total - this.#issued)
    if (due > 0) this.#maxLag = Math.max(this.#maxLag, now - this.#start - this.#issued * this.#microsPerSend)
    this.#issued += due
    return due
  }

  /** The longest a send waited past its time, in microseconds. */
  get maxLag(): number {
    return this.#maxLag
  }
}

/** Microseconds of a monotonic clock of this process. */
export const nowMicros = (): number => performance.now() * 1000

/** Runs a Schedule on the event loop, a tick per millisecond, until stopped. */
export class Pacer {
  readonly #schedule: Schedule
  readonly #send: (index: number) => void
  #timer: NodeJS.Timeout
  #sent = 0

  constructor(rate: number, send: (index: number) => void) {
    this.#schedule = new Schedule(nowMicros(), rate)
    this.#send = send
    this.#timer = setTimeout(this.#tick, 0)
  }

  readonly #tick = (): void => {
    const due = this.#schedule.take(nowMicros())
    for (let i = 0; i < due; i++) this.#send(this.#sent++)
    this.#timer = setTimeout(this.#tick, 1)
  }

  get sent(): number {
    return this.#sent
  }

  get maxLag(): number {
    return this.#schedule.maxLag
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
