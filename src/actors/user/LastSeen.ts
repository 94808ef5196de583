/**
 * Puts on record when users were last there: those of this node who come and who leave, soon after, and those who are
 * here, again and again, so that a node which is killed takes at most one such interval with it. Nobody waits for it;
 * what the database does not take is offered again.
 */
import { Clock, Context, type Duration, Effect, Latch, Layer } from "effect"
import type { Unavailable } from "../../domain/Errors.ts"
import type { UserId } from "../../domain/Ids.ts"
import * as LiveMetrics from "../../domain/LiveMetrics.ts"
import { LastSeenStore, type Seen, type LastSeen as Stored } from "../../domain/ports/LastSeenStore.ts"

export interface LastSeenOptions {
  /** How often it is put on record that somebody is here. */
  readonly interval: Duration.Duration
  /** Users who wait to be put on record; past it the first of them are forgotten. */
  readonly capacity: number
}

/** Those who come or leave within it are written together. */
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
>()("messaging-service/actors/user/LastSeen") {}

export const layer = ({ capacity, interval }: LastSeenOptions) =>
  Layer.effect(
    LastSeen,
    Effect.gen(function* () {
      const store = yield* LastSeenStore
      const clock = yield* Clock.Clock
      /** How many devices of each user are here. */
      const here = new Map<UserId, number>()
      /** When users came or left, and it is not on record; in the order in which they did. */
      const unwritten = new Map<UserId, number>()
      const hasUnwritten = Latch.makeUnsafe(false)
      /** Those that a statement is under way with. */
      let writing: ReadonlyMap<UserId, number> = new Map()
      let lost = 0
      yield* LiveMetrics.gauge({
        id: "last_seen_queue_depth",
        description: "Users who have come or left, and it is not on record yet",
        value: () => unwritten.size + writing.size
      })
      yield* LiveMetrics.counter({
        id: "last_seen_lost_total",
        description: "Users who have come or left, and it could not be put on record",
        value: () => lost
      })

      const note = ({ at, userId }: Seen): void => {
        const known = unwritten.get(userId) ?? 0
        unwritten.delete(userId)
        unwritten.set(userId, Math.max(at, known))
        hasUnwritten.openUnsafe()
        if (unwritten.size <= capacity) return
        const [first] = unwritten.keys()
        unwritten.delete(first!)
        lost++
      }

      const take = (): ReadonlyArray<Seen> => {
        const taken: Array<Seen> = []
        for (const [userId, at] of unwritten) {
          if (taken.length === BATCH) break
          unwritten.delete(userId)
          taken.push({ userId, at })
        }
        if (unwritten.size === 0) hasUnwritten.closeUnsafe()
        return taken
      }

      /** Whether it was written; what was not waits again, or is later than that already. */
      const write = (seen: ReadonlyArray<Seen>) => {
        writing = new Map(seen.map(({ at, userId }) => [userId, at]))
        return Effect.match(store.record(seen), {
          onSuccess: () => {
            writing = new Map()
            return true
          },
          onFailure: () => {
            writing = new Map()
            for (const one of seen) note(one)
            return false
          }
        })
      }

      const writeNews = hasUnwritten.await.pipe(
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
        unwritten.size === 0
          ? Effect.void
          : Effect.flatMap(write(take()), (written) => (written ? drain : Effect.void))
      )

      const remembered = (userId: UserId): number =>
        Math.max(unwritten.get(userId) ?? 0, writing.get(userId) ?? 0)

      return LastSeen.of({
        arrived: (userId) => {
          const before = here.get(userId) ?? 0
          here.set(userId, before + 1)
          if (before === 0) note({ userId, at: clock.currentTimeMillisUnsafe() })
        },
        left: (userId) => {
          const left = (here.get(userId) ?? 0) - 1
          if (left > 0) return void here.set(userId, left)
          here.delete(userId)
          note({ userId, at: clock.currentTimeMillisUnsafe() })
        },
        of: (userId) =>
          Effect.suspend(() => {
            // What is written while storage is asked is in neither its answer nor here afterwards.
            const before = remembered(userId)
            return Effect.map(store.of(userId), ({ at = 0, isHidden }) => ({
              at: Math.max(at, before, remembered(userId)) || undefined,
              isHidden
            }))
          }),
        run: Effect.raceFirst(
          Effect.forever(writeNews),
          Effect.forever(Effect.andThen(Effect.sleep(interval), writeHere))
        ).pipe(Effect.onInterrupt(() => Effect.andThen(writeHere, drain)))
      })
    })
  )
