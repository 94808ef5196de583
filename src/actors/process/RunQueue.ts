/**
 * Actors with messages and callers with answers, in the order they got them: what a BEAM scheduler's run queue is to
 * processes. Each runs when its turn comes, never inside its sender's stack, so a chain of ten thousand casts does
 * not nest; and it handles a bounded number of messages per turn, so a busy actor does not starve the others.
 *
 * Turns run in a microtask, which makes an ask to an idle actor cost no turn of the event loop. After `budget`
 * messages the queue lets the event loop do its I/O and timers first.
 */

export interface Runnable {
  /** Handles some messages and returns how many. */
  readonly turn: () => number
}

const budget = 2048
const ready: Array<Runnable> = []
let head = 0
let awake = false

const take = (runnable: Runnable): number => {
  try {
    return runnable.turn()
  } catch (error) {
    // A plain callback of someone's has thrown. Nobody here can answer for it, and the others must have their turn.
    queueMicrotask(() => {
      throw error
    })
    return 0
  }
}

const flush = (): void => {
  let left = budget
  while (head < ready.length) {
    left -= 1 + take(ready[head++]!)
    if (left <= 0 && head < ready.length) {
      ready.splice(0, head)
      head = 0
      setImmediate(flush)
      return
    }
  }
  ready.length = 0
  head = 0
  awake = false
}

export const enqueue = (runnable: Runnable): void => {
  ready.push(runnable)
  if (awake) return
  awake = true
  queueMicrotask(flush)
}
