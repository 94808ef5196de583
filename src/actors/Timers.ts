/**
 * Timers on the Effect Clock, as cheap as an entry in a heap: call deadlines, `sendAfter`, idle times and restart
 * delays. All timers of one Clock share one fiber, which sleeps until the earliest of them and exists only while
 * there is one; so tens of thousands of idle actors cost no sleeping fibers, and a TestClock moves them all.
 *
 * Time is the Clock's monotonic time, in milliseconds: a corrected wall clock fires nothing early.
 */
import { Clock, Context, Duration, Effect, type Fiber, Scheduler } from "effect"

/** Something that can be scheduled. `at` and `slot` belong to the queue; `slot` is -1 while not scheduled. */
export interface Timer {
  at: number
  slot: number
  readonly fire: () => void
}

class TimerQueue {
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

  add(timer: Timer, at: number): void {
    timer.at = at
    this.place(timer, this.heap.length)
    this.siftUp(timer)
    if (!this.firing && at < this.wakesAt) this.sleep()
  }

  remove(timer: Timer): void {
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
    const delay = Duration.millis(Math.max(1, Math.ceil(earliest.at - monotonicMillis(this.clock))))
    const sleeper: Fiber.Fiber<void> = Effect.runForkWith(this.context)(this.clock.sleep(delay))
    this.sleeper = sleeper
    sleeper.addObserver(() => {
      if (this.sleeper !== sleeper) return
      this.sleeper = undefined
      this.fireDue()
    })
  }

  private fireDue(): void {
    const now = monotonicMillis(this.clock)
    // The sleeper is armed once, after the last of them, for what is left.
    this.firing = true
    try {
      while (this.heap.length > 0 && this.heap[0]!.at <= now) {
        const timer = this.heap[0]!
        this.remove(timer)
        timer.fire()
      }
    } finally {
      this.firing = false
      this.sleep()
    }
  }
}

const queues = new WeakMap<Clock.Clock, TimerQueue>()

const queueOf = (context: Context.Context<never>): TimerQueue => {
  const clock = Context.get(context, Clock.Clock)
  let queue = queues.get(clock)
  if (queue === undefined) {
    const sleeping = Context.make(Clock.Clock, clock).pipe(
      Context.add(Scheduler.Scheduler, Context.get(context, Scheduler.Scheduler))
    )
    queue = new TimerQueue(clock, sleeping)
    queues.set(clock, queue)
  }
  return queue
}

/** Monotonic milliseconds of a clock, with an arbitrary origin. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** Monotonic milliseconds of the context's clock. */
export const now = (context: Context.Context<never>): number =>
  monotonicMillis(Context.get(context, Clock.Clock))

/** Lets `timer` fire once, `delayMs` from now on the context's Clock. */
export const schedule = (context: Context.Context<never>, timer: Timer, delayMs: number): void =>
  queueOf(context).add(timer, now(context) + delayMs)

/** Takes a timer back; it must have been scheduled with the same Clock. A timer that has fired is left alone. */
export const cancel = (context: Context.Context<never>, timer: Timer): void => queueOf(context).remove(timer)

/** Runs `fire` once, `delayMs` from now, unless the returned function is called before. */
export const after = (context: Context.Context<never>, delayMs: number, fire: () => void): (() => void) => {
  const timer: Timer = { at: 0, slot: -1, fire }
  schedule(context, timer, delayMs)
  return () => cancel(context, timer)
}
