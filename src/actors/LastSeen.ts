/**
 * Puts on record when users were last there: those of this node who leave, soon after, and those who are here, again and
 * again, so that a node which is killed takes at most one such interval with it. Nobody waits for it; what the database
 * does not take is offered again.
 */
import { Clock, Context, type Duration, Effect, Latch, Layer } from "effect"
import type { Unavailable } from "../domain/Errors.ts"
import type { UserId } from "../domain/Ids.ts"
import * as LiveMetrics from "../domain/LiveMetrics.ts"
import { LastSeenStore, type Seen, type LastSeen as Stored } from "../domain/ports/LastSeenStore.ts"

export interface LastSeenOptions {
  /** How often it is put on record that somebody is here. */
  readonly interval: Duration.Duration
  /** Users who have left and wait to be put on record; past it those who left first are forgotten. */
  readonly capacity: number
}

/** Those who leave within it are written together. */
const GATHER = "200 millis"

/** Before the database is tried once more. */
const PAUSE = "1 second"

/** Users in one statement. */
const BATCH = 500

export class LastSeen extends Context.Service<
  LastSeen,
  {
    /** A device of the user is here, on this node. */
    readonly arrived: (userId: UserId) => void
    /** It is no longer. */
    readonly left: (userId: UserId) => void
    /** What is on record, or will be in a moment. */
    readonly of: (userId: UserId) => Effect.Effect<Stored, Unavailable>
    /** The supervision tree runs it. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/actors/LastSeen") {}

export const layer = ({ capacity, interval }: LastSeenOptions) =>
  Layer.effect(
    LastSeen,
    Effect.gen(function* () {
      const store = yield* LastSeenStore
      const clock = yield* Clock.Clock
      /** How many devices of each user are here. */
      const here = new Map<UserId, number>()
      /** Who has left and is not on record; in the order in which they left. */
      const gone = new Map<UserId, number>()
      const hasGone = Latch.makeUnsafe(false)
      let lost = 0
      yield* LiveMetrics.gauge({
        id: "last_seen_queue_depth",
        description: "Users who have left and are not on record yet",
        value: () => gone.size
      })
      yield* LiveMetrics.counter({
        id: "last_seen_lost_total",
        description: "Users who have left and of whom it could not be put on record when",
        value: () => lost
      })

      const note = ({ at, userId }: Seen): void => {
        const known = gone.get(userId) ?? 0
        gone.delete(userId)
        gone.set(userId, Math.max(at, known))
        hasGone.openUnsafe()
        if (gone.size <= capacity) return
        const [first] = gone.keys()
        gone.delete(first!)
        lost++
      }

      const take = (): ReadonlyArray<Seen> => {
        const taken: Array<Seen> = []
        for (const [userId, at] of gone) {
          if (taken.length === BATCH) break
          gone.delete(userId)
          taken.push({ userId, at })
        }
        if (gone.size === 0) hasGone.closeUnsafe()
        return taken
      }

      /** Whether it was written; what was not waits again, or is later than that already. */
      const write = (seen: ReadonlyArray<Seen>) =>
        Effect.match(store.record(seen), {
          onSuccess: () => true,
          onFailure: () => {
            for (const one of seen) note(one)
            return false
          }
        })

      const writeGone = hasGone.await.pipe(
        Effect.andThen(Effect.sleep(GATHER)),
        Effect.andThen(Effect.uninterruptible(Effect.suspend(() => write(take())))),
        Effect.flatMap((written) => (written ? Effect.void : Effect.sleep(PAUSE)))
      )

      /** Of those who leave meanwhile it is later than this that is written in the end. */
      const writeHere = Effect.suspend(() => {
        const at = clock.currentTimeMillisUnsafe()
        const users = Array.from(here.keys(), (userId) => ({ userId, at }))
        const batches = Array.from({ length: Math.ceil(users.length / BATCH) }, (_, i) =>
          users.slice(i * BATCH, (i + 1) * BATCH)
        )
        return Effect.ignore(Effect.forEach(batches, store.record, { discard: true }))
      })

      const drain: Effect.Effect<void> = Effect.suspend(() =>
        gone.size === 0
          ? Effect.void
          : Effect.flatMap(write(take()), (written) => (written ? drain : Effect.void))
      )

      return LastSeen.of({
        arrived: (userId) => void here.set(userId, (here.get(userId) ?? 0) + 1),
        left: (userId) => {
          const left = (here.get(userId) ?? 0) - 1
          if (left > 0) return void here.set(userId, left)
          here.delete(userId)
          note({ userId, at: clock.currentTimeMillisUnsafe() })
        },
        of: (userId) =>
          Effect.map(store.of(userId), ({ at = 0, isHidden }) => ({
            at: Math.max(at, gone.get(userId) ?? 0) || undefined,
            isHidden
          })),
        run: Effect.raceFirst(
          Effect.forever(writeGone),
          Effect.forever(Effect.andThen(Effect.sleep(interval), writeHere))
        ).pipe(Effect.onInterrupt(() => Effect.andThen(writeHere, drain)))
      })
    })
  )
