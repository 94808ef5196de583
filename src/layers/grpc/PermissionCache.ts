/**
 * What a peer has granted and refused lately: so that it is asked seldom, and so that its last word holds while it is
 * down.
 */
import { Clock, Duration, Effect } from "effect"
import * as CacheMetrics from "../../domain/CacheMetrics.ts"
import type { Unavailable } from "../../domain/Errors.ts"

export interface PermissionCacheOptions {
  /** Answers remembered at the most; the oldest are forgotten first. */
  readonly capacity: number
  /** For how long an answer is not asked for again. */
  readonly ttl: Duration.Duration
  /** For how long an answer holds while the peer is down. */
  readonly staleTtl: Duration.Duration
  /** Whether what a peer that is down has not answered before is granted. */
  readonly whenDown: "open" | "closed"
}

/** A peer that was down is asked again after this many milliseconds. */
const RETRY_MS = 1_000

/** Both in Unix ms. */
interface Known {
  readonly granted: boolean
  readonly freshUntil: number
  readonly staleUntil: number
}

export interface PermissionCache {
  /** The answer to a question, where it need not be asked. */
  readonly recall: (question: string) => boolean | undefined
  /** The answer: what is known of it, the peer's, or what holds without it. */
  readonly ask: <E, R>(
    question: string,
    peer: Effect.Effect<boolean, E | Unavailable, R>
  ) => Effect.Effect<boolean, E | Unavailable, R>
}

export const make = Effect.fnUntraced(function* (options: PermissionCacheOptions) {
  const clock = yield* Clock.Clock
  const counts = yield* CacheMetrics.make("permissions")
  const known = new Map<string, Known>()
  const ttlMs = Duration.toMillis(options.ttl)
  const staleMs = Duration.toMillis(options.staleTtl)

  const remember = (question: string, answer: Known): boolean => {
    known.delete(question)
    const oldest = known.keys().next()
    if (known.size >= options.capacity && !oldest.done) known.delete(oldest.value)
    known.set(question, answer)
    return answer.granted
  }

  const withoutPeer = (question: string, error: Unavailable): Effect.Effect<boolean, Unavailable> => {
    const now = clock.currentTimeMillisUnsafe()
    const last = known.get(question)
    if (last !== undefined && now < last.staleUntil) {
      return Effect.succeed(remember(question, { ...last, freshUntil: now + RETRY_MS }))
    }
    return options.whenDown === "open" ? Effect.succeed(true) : Effect.fail(error)
  }

  const recall = (question: string): boolean | undefined => {
    const answer = known.get(question)
    if (answer === undefined || clock.currentTimeMillisUnsafe() >= answer.freshUntil) return undefined
    counts.hits++
    return answer.granted
  }

  return {
    recall,
    ask: (question, peer) =>
      Effect.suspend(() => {
        const granted = recall(question)
        if (granted !== undefined) return Effect.succeed(granted)
        counts.misses++
        return peer.pipe(
          Effect.map((granted) => {
            const now = clock.currentTimeMillisUnsafe()
            return remember(question, { granted, freshUntil: now + ttlMs, staleUntil: now + staleMs })
          }),
          Effect.catchIf(isUnavailable, (error) => withoutPeer(question, error))
        )
      })
  } satisfies PermissionCache as PermissionCache
})

const isUnavailable = <E>(error: E | Unavailable): error is Unavailable =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "Unavailable"
