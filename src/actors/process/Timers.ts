/**
 * Timers on the Effect Clock, as cheap as an entry in a heap: call deadlines, `sendAfter`, idle times and restart
 * delays. All timers of one Clock share one fiber, which sleeps until the earliest of them and exists only while
 * there is one; so tens of thousands of idle actors cost no sleeping fibers, and a TestClock moves them all.
 *
 * Time is the Clock's monotonic time, in milliseconds: a corrected wall clock fires nothing early.
 */
import { Clock, Context, Duration, Effect, type Fiber, Scheduler } from "effect"

/** What can be scheduled. `at` and `slot` belong to `Timers`; `slot` is -1 while it is not scheduled. */
export interface Timer {
  at: number
  slot: number
  readonly fire: () => void
}

export class Timers {
  private readonly heap: Array<Timer> = []
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never>
  private sleeper: Fiber.Fiber<void> | undefined = undefined
  private wakesAt = Number.POSITIVE_INFINITY
  private firing = false

  constructor(clock: Clock.Clock, context: Context.Context<never>) {
    this.clock = clock
    this.context = context
  }

  /** Whole milliseconds, of an arbitrary origin: small integers cost an idle actor no memory, fractions would. */
  now(): number {
    return Math.floor(Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6)
  }

  /** Lets `timer`, which is not scheduled, fire once, `delayMs` from now; never, if that is infinite. */
  schedule(timer: Timer, delayMs: number): void {
    if (delayMs === Number.POSITIVE_INFINITY) return
    timer.at = this.now() + Math.ceil(delayMs)
    this.place(timer, this.heap.length)
    this.siftUp(timer)
    if (!this.firing && timer.at < this.wakesAt) this.sleep()
  }

  /** Takes a timer back. One that is not scheduled is left alone. */
  cancel(timer: Timer): void {
    const slot = timer.slot
    if (slot < 0) return
    timer.slot = -1
    const last = this.heap.pop()!
    if (last !== timer) {
      this.place(last, slot)
      this.siftUp(last)
      this.siftDown(last)
    }
    if (!this.firing && this.heap.length === 0) this.interruptSleeper()
  }

  /** Runs `fire` once, `delayMs` from now, unless the returned function is called before. */
  after(delayMs: number, fire: () => void): () => void {
    const timer: Timer = { at: 0, slot: -1, fire }
    this.schedule(timer, delayMs)
    return () => this.cancel(timer)
  }

  private place(timer: Timer, slot: number): void {
    this.heap[slot] = timer
    timer.slot = slot
  }

  private siftUp(timer: Timer): void {
    while (timer.slot > 0) {
      const parent = this.heap[(timer.slot - 1) >> 1]!
      if (parent.at <= timer.at) return
      const slot = timer.slot
      this.place(timer, parent.slot)
      this.place(parent, slot)
    }
  }

  private siftDown(timer: Timer): void {
    for (;;) {
      const left = this.heap[timer.slot * 2 + 1]
      if (left === undefined) return
      const right = this.heap[timer.slot * 2 + 2]
      const child = right !== undefined && right.at < left.at ? right : left
      if (timer.at <= child.at) return
      const slot = timer.slot
      this.place(timer, child.slot)
      this.place(child, slot)
    }
  }

  private interruptSleeper(): void {
    const sleeper = this.sleeper
    this.sleeper = undefined
    this.wakesAt = Number.POSITIVE_INFINITY
    sleeper?.interruptUnsafe()
  }

  private sleep(): void {
    this.interruptSleeper()
    const earliest = this.heap[0]
    if (earliest === undefined) return
    this.wakesAt = earliest.at
    const delay = Duration.millis(Math.max(1, earliest.at - this.now()))
    const sleeper: Fiber.Fiber<void> = Effect.runForkWith(this.context)(this.clock.sleep(delay))
    this.sleeper = sleeper
    sleeper.addObserver(() => {
      if (this.sleeper !== sleeper) return
      this.sleeper = undefined
      this.fireDue()
    })
  }

  private fireDue(): void {
    const now = this.now()
    // The sleeper is armed once, after the last of them, for what is left.
    this.firing = true
    try {
      while (this.heap.length > 0 && this.heap[0]!.at <= now) {
        const timer = this.heap[0]!
        this.cancel(timer)
        timer.fire()
      }
    } finally {
      this.firing = false
      this.sleep()
    }
  }
}

const timersOfClock = new WeakMap<Clock.Clock, Timers>()

/** The timers of the Clock in a context. */
export const timersIn = (context: Context.Context<never>): Timers => {
  const clock = Context.get(context, Clock.Clock)
  let timers = timersOfClock.get(clock)
  if (timers === undefined) {
    const sleeping = Context.make(Clock.Clock, clock).pipe(
      Context.add(Scheduler.Scheduler, Context.get(context, Scheduler.Scheduler))
    )
    timers = new Timers(clock, sleeping)
    timersOfClock.set(clock, timers)
  }
  return timers
}
