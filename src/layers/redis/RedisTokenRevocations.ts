/**
 * Revoked and used tokens that all nodes share, in `main_pool`. A node asks Redis about a token at most once in a
 * while, since it hears of revocations as they are made; what it heard, it refuses without asking.
 *
 * When Redis does not answer, an answer that is young enough still counts; after that it is the policy that answers:
 * `open` believes, `closed` is `Unavailable`. A single-use token is never believed unasked.
 *
 * A Redis that came back empty is told again what the nodes know (`restore`): a node that starts later asks nobody else.
 */
import { Clock, Duration, Effect, Layer } from "effect"
import * as CacheMetrics from "../../domain/CacheMetrics.ts"
import { TokenRejected, type Unavailable } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import { TokenRevocations } from "../../domain/ports/TokenRevocations.ts"
import {
  covers,
  deviceKey,
  keyOf,
  type Revocation,
  RevocationList,
  tokenKey,
  userKey
} from "../../domain/Revocation.ts"
import { Redis } from "./Redis.ts"
import * as RedisScript from "./RedisScript.ts"

export interface RedisRevocationOptions {
  /** How long a token can be believed after it was issued, clocks that differ included. */
  readonly lifetime: Duration.Duration
  /** For how long "not revoked" is believed unasked. */
  readonly cacheTtl: Duration.Duration
  readonly whenDown: "open" | "closed"
  /** Answers and heard revocations kept at the same time; past it the oldest are forgotten, and asked for again. */
  readonly capacity?: number
}

const PREFIX = "messaging:revoked:"

/** The later moment stays, and the longer lifetime: a revocation never takes back another. */
const revokeScript = `
local former = tonumber(redis.call('GET', KEYS[1]))
local before = tonumber(ARGV[1])
if former and former > before then before = former end
local lifetime = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2]))
redis.call('SET', KEYS[1], string.format('%.0f', before), 'PX', string.format('%.0f', lifetime))`

/** Revocations put back at a time. */
const CONCURRENCY = 200

interface Cleared {
  readonly identity: Identity
  /** Unix ms. */
  readonly until: number
}

const revoked = new TokenRejected({ reason: "revoked" })

export const layer = (options: RedisRevocationOptions) =>
  Layer.effect(
    TokenRevocations,
    Effect.gen(function* () {
      const { main } = yield* Redis
      const revokeShared = RedisScript.make(main, revokeScript)
      const capacity = options.capacity ?? 50_000
      const ttl = Duration.toMillis(options.cacheTtl)
      const lifetime = Duration.toMillis(options.lifetime)
      const clock = yield* Clock.Clock
      const counts = yield* CacheMetrics.make("revocations")
      const known = new RevocationList(capacity)
      /** Tokens that were not revoked when Redis was asked. */
      const cleared = new Map<string, Cleared>()

      const clear = (identity: Identity, now: number): void => {
        cleared.delete(identity.tokenId)
        if (cleared.size >= capacity) cleared.delete(cleared.keys().next().value!)
        cleared.set(identity.tokenId, { identity, until: now + ttl })
      }

      const isCleared = (identity: Identity, now: number): boolean => {
        const found = cleared.get(identity.tokenId)
        // An issuer that gives one `jti` to several is no reason to take one's answer for another's.
        return (
          found !== undefined &&
          now < found.until &&
          found.identity.userId === identity.userId &&
          found.identity.deviceId === identity.deviceId &&
          found.identity.issuedAt === identity.issuedAt
        )
      }

      const isBefore = (identity: Identity, moment: unknown): boolean =>
        typeof moment === "string" && identity.issuedAt <= Number(moment)

      const isRevoked = Effect.fnUntraced(function* (
        identity: Identity
      ): Effect.fn.Return<boolean, Unavailable> {
        const { deviceId, tokenId, userId } = identity
        const [token, [user, device]] = yield* Effect.all(
          [
            main.send("GET", PREFIX + tokenKey(tokenId)),
            main.send(
              "MGET",
              PREFIX + userKey(userId),
              PREFIX + deviceKey(userId, deviceId)
            ) as Effect.Effect<ReadonlyArray<unknown>, Unavailable>
          ],
          { concurrency: 2 }
        )
        return token !== null || isBefore(identity, user) || isBefore(identity, device)
      })

      const ask = Effect.fnUntraced(function* (identity: Identity, now: number) {
        const answer = yield* isRevoked(identity)
        // It may have been revoked, and heard of, while Redis was answering.
        if (answer || known.covers(identity)) return yield* revoked
        clear(identity, now)
      })

      const confirm = (identity: Identity): Effect.Effect<void, TokenRejected | Unavailable> =>
        Effect.suspend(() => {
          if (known.covers(identity)) return Effect.fail(revoked)
          const now = clock.currentTimeMillisUnsafe()
          if (isCleared(identity, now)) {
            counts.hits++
            return Effect.void
          }
          counts.misses++
          return ask(identity, now)
        })

      const share = (revocation: Revocation, ms: number) =>
        revokeShared([PREFIX + keyOf(revocation)], [String(revocation.before), String(ms)])

      const learn = (revocation: Revocation): void => {
        const now = clock.currentTimeMillisUnsafe()
        known.add(revocation, now + lifetime, now)
        for (const [tokenId, { identity }] of cleared)
          if (covers(revocation, identity)) cleared.delete(tokenId)
      }

      return TokenRevocations.of({
        check:
          options.whenDown === "closed"
            ? confirm
            : (identity) => Effect.catchTag(confirm(identity), "Unavailable", () => Effect.void),
        confirm,
        isKnown: (identity) => known.covers(identity),
        claim: Effect.fnUntraced(function* ({ tokenId }) {
          const key = `messaging:used:${tokenKey(tokenId)}`
          const taken = yield* main.send("SET", key, "1", "NX", "PX", String(lifetime))
          if (taken !== "OK") return yield* new TokenRejected({ reason: "replayed" })
        }),
        revoke: Effect.fnUntraced(function* (revocation) {
          yield* share(revocation, lifetime)
          learn(revocation)
        }),
        heard: learn,
        inDoubt: () => cleared.clear(),
        restore: Effect.suspend(() =>
          Effect.forEach(
            known.live(clock.currentTimeMillisUnsafe()),
            ({ left, revocation }) => share(revocation, left),
            { concurrency: CONCURRENCY, discard: true }
          )
        )
      })
    })
  )
