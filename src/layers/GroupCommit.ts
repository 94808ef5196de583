/**
 * Group commit: items that arrive while a batch is being committed become the next batch. Owns the bounded queue,
 * the lanes, and the promise that every item is settled exactly once and in order per key; what a commit is, the
 * caller says.
 *
 * The resource exists from `make`; its loop is `run`, which a supervisor runs and restarts. While nobody runs it,
 * items wait, up to the bound.
 *
 * Items of one key go through one lane, and a lane commits one batch at a time, so the items of a key are committed
 * in order. When a key's commit fails, everything of that key still queued fails with it: a later item must not
 * overtake the one its sender is about to retry.
 */
import { Effect, Exit, Latch, Result } from "effect"

export type Settle<Out, E> = (result: Result.Result<Out, E>) => void

export interface Options<In, Out, E> {
  /** Items that may wait, over all lanes; one more is refused with `overloaded`. */
  readonly capacity: number
  /** Items in one commit at the most. */
  readonly maxBatch: number
  /** Commits in flight at the most. */
  readonly lanes: number
  readonly keyOf: (item: In) => string
  /**
   * Commits a batch and answers one result per item, in the batch's order. Never fails: what could not be
   * committed is in the results. A defect settles the batch with `failed` and ends `run`.
   */
  readonly commit: (batch: ReadonlyArray<In>) => Effect.Effect<ReadonlyArray<Result.Result<Out, E>>>
  /** Whether a failure says that the key's order is broken, and its queued items must fail too. */
  readonly breaksKey: (error: E) => boolean
  /** What queued items of a broken key, and items of a crashed commit, are answered. */
  readonly failed: E
  readonly overloaded: E
}

export interface GroupCommit<In, Out, E> {
  /** `settle` must not throw. It is called later, never from within `offer` unless the queue is full. */
  readonly offer: (item: In, settle: Settle<Out, E>) => void
  /** Items queued or being committed. */
  readonly depth: () => number
  /** Commits what is offered, for ever. When interrupted it commits what is queued and then ends. */
  readonly run: Effect.Effect<never>
}

interface Entry<In, Out, E> {
  readonly item: In
  readonly settle: Settle<Out, E>
}

/** FNV-1a. Keys are ids, whose randomness may sit in any part of them. */
const hash = (key: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193)
  return h >>> 0
}

class Lane<In, Out, E> {
  queue: Array<Entry<In, Out, E>> = []
  readonly filled = Latch.makeUnsafe(false)
}

export const make = Effect.fnUntraced(function* <In, Out, E>(options: Options<In, Out, E>) {
  const { breaksKey, capacity, commit, keyOf, maxBatch } = options
  const lanes = Array.from({ length: options.lanes }, () => new Lane<In, Out, E>())
  const failed = Result.fail(options.failed)
  const overloaded = Result.fail(options.overloaded)
  let depth = 0

  const laneOf = (item: In): Lane<In, Out, E> =>
    lanes.length === 1 ? lanes[0]! : lanes[hash(keyOf(item)) % lanes.length]!

  const offer = (item: In, settle: Settle<Out, E>): void => {
    if (depth >= capacity) return settle(overloaded)
    depth++
    const lane = laneOf(item)
    if (lane.queue.push({ item, settle }) === 1) lane.filled.openUnsafe()
  }

  const settleAll = (
    entries: ReadonlyArray<Entry<In, Out, E>>,
    resultAt: (i: number) => Result.Result<Out, E>
  ) => {
    depth -= entries.length
    for (let i = 0; i < entries.length; i++) entries[i]!.settle(resultAt(i))
  }

  /** Removes the queued entries of these keys, in order. */
  const removeQueued = (lane: Lane<In, Out, E>, keys: ReadonlySet<string>) => {
    if (keys.size === 0) return []
    const removed = lane.queue.filter((entry) => keys.has(keyOf(entry.item)))
    if (removed.length > 0) lane.queue = lane.queue.filter((entry) => !keys.has(keyOf(entry.item)))
    return removed
  }

  /** Settles a batch, and then what is queued behind the keys that broke in it. Answers whether anything worked. */
  const finish = (
    lane: Lane<In, Out, E>,
    batch: ReadonlyArray<Entry<In, Out, E>>,
    results: ReadonlyArray<Result.Result<Out, E>>
  ): boolean => {
    const broken = new Set<string>()
    let worked = false
    for (let i = 0; i < batch.length; i++) {
      const result = results[i]!
      if (Result.isSuccess(result)) worked = true
      else if (breaksKey(result.failure)) broken.add(keyOf(batch[i]!.item))
    }
    // Taken out before anyone is told, since whoever is told may offer again.
    const behind = removeQueued(lane, broken)
    settleAll(batch, (i) => results[i]!)
    settleAll(behind, () => failed)
    return worked
  }

  const commitNext = (lane: Lane<In, Out, E>): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const batch = lane.queue.splice(0, maxBatch)
      return commit(batch.map((entry) => entry.item)).pipe(
        Effect.onExit((exit) =>
          Exit.isSuccess(exit)
            ? Effect.void
            : Effect.sync(() =>
                finish(
                  lane,
                  batch,
                  batch.map(() => failed)
                )
              )
        ),
        Effect.map((results) => finish(lane, batch, results))
      )
    })

  /** What is committing is not interrupted: a commit cut short may have happened or not. */
  const next = (lane: Lane<In, Out, E>) =>
    Effect.suspend(() => {
      if (lane.queue.length > 0) return Effect.uninterruptible(commitNext(lane))
      lane.filled.closeUnsafe()
      return lane.filled.await
    })

  /** Gives up at the first batch of which nothing could be committed. */
  const drain = (lane: Lane<In, Out, E>): Effect.Effect<void> =>
    Effect.suspend(() =>
      lane.queue.length === 0
        ? Effect.void
        : Effect.flatMap(commitNext(lane), (worked) => (worked ? drain(lane) : Effect.void))
    )

  const run = Effect.forEach(
    lanes,
    (lane) => Effect.forever(next(lane)).pipe(Effect.onInterrupt(() => drain(lane))),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.andThen(Effect.never))

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const lane of lanes) settleAll(lane.queue.splice(0), () => failed)
    })
  )

  const self: GroupCommit<In, Out, E> = { offer, depth: () => depth, run }
  return self
})
