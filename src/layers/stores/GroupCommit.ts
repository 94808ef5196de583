/**
 * Group commit: items that arrive while a batch is being committed become the next batch. Owns the bounded queue
 * and the promise that every item is settled exactly once, in order per key; what a commit is, the caller says.
 *
 * The resource exists from `make`; its loop is `run`, which a supervisor runs and restarts. While nobody runs it,
 * items wait, up to the bound.
 *
 * One batch is committed at a time, so the items of a key are committed in order. When a key's commit fails,
 * everything of that key still queued fails with it: a later item must not overtake the one its sender is about to
 * retry.
 */

import { Clock, Duration, Effect, Exit, Latch, Result } from "effect"
import * as LiveMetrics from "../../domain/LiveMetrics.ts"

export type Settle<Out, E> = (result: Result.Result<Out, E>) => void

export interface Options<In, Out, E> {
  /** A label of its metrics. */
  readonly name: string
  /** Items that may wait; one more is refused with `overloaded`. */
  readonly capacity: number
  /** Bytes that may wait, by `bytesOf`. */
  readonly capacityBytes: number
  /** Items in one commit at the most. */
  readonly maxBatch: number
  /** Bytes in one commit at the most; an item larger than that is committed alone. */
  readonly maxBatchBytes: number
  /**
   * Under load, commits begin at least this far apart. A commit has a price of its own, and so a fast database would
   * otherwise be kept busy with many small ones. Without load nothing waits.
   */
  readonly pace: Duration.Input
  readonly keyOf: (item: In) => string
  /** Roughly. */
  readonly bytesOf: (item: In) => number
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
  /**
   * `settle` is called once and must not throw: within the call when there is no room, otherwise later, in the
   * order of the key's items.
   */
  readonly offer: (item: In, settle: Settle<Out, E>) => void
  /** Items queued or being committed. */
  readonly depth: () => number
  /**
   * Commits what is offered, for ever. Interrupted, it first commits what is queued, unless nothing can be committed
   * any more. What remains when the scope of `make` closes is settled with `failed`.
   */
  readonly run: Effect.Effect<never>
}

interface Entry<In, Out, E> {
  readonly item: In
  readonly bytes: number
  readonly settle: Settle<Out, E>
}

/** A batch of more items than this is a sign of load. */
const busyBatch = 4

export const make = Effect.fnUntraced(function* <In, Out, E>(options: Options<In, Out, E>) {
  const { breaksKey, bytesOf, capacity, capacityBytes, commit, keyOf, maxBatch, maxBatchBytes } = options
  const clock = yield* Clock.Clock
  const pace = Duration.toMillis(Duration.fromInputUnsafe(options.pace))
  const failed = Result.fail(options.failed)
  const overloaded = Result.fail(options.overloaded)
  const filled = Latch.makeUnsafe(false)
  let queue: Array<Entry<In, Out, E>> = []
  let depth = 0
  let depthBytes = 0
  let commits = 0
  let items = 0
  // When the last commit began, and how many items it had.
  let begunAt = 0
  let size = 0

  yield* LiveMetrics.gauge({
    id: "commit_queue_depth",
    description: "Items queued for a commit, or being committed, by writer",
    attributes: { writer: options.name },
    value: () => depth
  })
  yield* LiveMetrics.counter({
    id: "commits_total",
    description: "Batches committed, by writer",
    attributes: { writer: options.name },
    value: () => commits
  })
  yield* LiveMetrics.counter({
    id: "committed_items_total",
    description: "Items of those batches, by writer",
    attributes: { writer: options.name },
    value: () => items
  })

  const offer = (item: In, settle: Settle<Out, E>): void => {
    const bytes = bytesOf(item)
    if (depth >= capacity || (depth > 0 && depthBytes + bytes > capacityBytes)) return settle(overloaded)
    depth++
    depthBytes += bytes
    if (queue.push({ item, bytes, settle }) === 1) filled.openUnsafe()
  }

  const takeBatch = (): ReadonlyArray<Entry<In, Out, E>> => {
    let count = 1
    let bytes = queue[0]!.bytes
    while (count < maxBatch && count < queue.length) {
      bytes += queue[count]!.bytes
      if (bytes > maxBatchBytes) break
      count++
    }
    return queue.splice(0, count)
  }

  const takeKeys = (keys: ReadonlySet<string>): ReadonlyArray<Entry<In, Out, E>> => {
    if (keys.size === 0) return []
    const taken = queue.filter((entry) => keys.has(keyOf(entry.item)))
    if (taken.length > 0) queue = queue.filter((entry) => !keys.has(keyOf(entry.item)))
    return taken
  }

  const settle = (entry: Entry<In, Out, E>, result: Result.Result<Out, E>) => {
    depth--
    depthBytes -= entry.bytes
    entry.settle(result)
  }

  /**
   * Settles a batch, and then what is queued behind the keys that broke in it: without results, because the commit
   * crashed, all of them did. Answers whether anything worked.
   */
  const finish = (
    batch: ReadonlyArray<Entry<In, Out, E>>,
    results: ReadonlyArray<Result.Result<Out, E>> | undefined
  ): boolean => {
    const broken = new Set<string>()
    let worked = false
    for (let i = 0; i < batch.length; i++) {
      const result = results?.[i]
      if (result !== undefined && Result.isSuccess(result)) worked = true
      else if (result === undefined || breaksKey(result.failure)) broken.add(keyOf(batch[i]!.item))
    }
    // Taken out before anyone is told, since whoever is told may offer again.
    const behind = takeKeys(broken)
    for (let i = 0; i < batch.length; i++) settle(batch[i]!, results?.[i] ?? failed)
    for (const entry of behind) settle(entry, failed)
    return worked
  }

  const commitNext: Effect.Effect<boolean> = Effect.suspend(() => {
    const batch = takeBatch()
    begunAt = clock.currentTimeMillisUnsafe()
    size = batch.length
    commits++
    items += size
    return Effect.suspend(() => commit(batch.map((entry) => entry.item))).pipe(
      Effect.onExit((exit) =>
        Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => finish(batch, undefined))
      ),
      Effect.map((results) => finish(batch, results))
    )
  })

  // A commit cut short may have happened or not, so it is not interrupted.
  const commitWhole = Effect.uninterruptible(commitNext)

  /** Milliseconds to wait for more items. */
  const pause = (): number =>
    size > busyBatch && queue.length < maxBatch
      ? Math.max(0, begunAt + pace - clock.currentTimeMillisUnsafe())
      : 0

  const next: Effect.Effect<unknown> = Effect.suspend(() => {
    if (queue.length === 0) {
      filled.closeUnsafe()
      return filled.await
    }
    const millis = pause()
    return millis === 0 ? commitWhole : Effect.andThen(Effect.sleep(millis), commitWhole)
  })

  const drain: Effect.Effect<void> = Effect.suspend(() =>
    queue.length === 0 ? Effect.void : Effect.flatMap(commitNext, (worked) => (worked ? drain : Effect.void))
  )

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const entry of queue.splice(0)) settle(entry, failed)
    })
  )

  const self: GroupCommit<In, Out, E> = {
    offer,
    depth: () => depth,
    run: Effect.forever(next).pipe(Effect.onInterrupt(() => drain))
  }
  return self
})
