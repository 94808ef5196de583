/**
 * The issuer's public keys (a JWKS), from where they are kept: a URL, a file, or memory. Each finds the one key
 * that a token's header asks for. Keys that were once read stay usable while their source is out of reach, so
 * that an outage of the auth service logs nobody out.
 */
import { readFile, stat } from "node:fs/promises"
import { Clock, Data, Duration, Effect } from "effect"
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTHeaderParameters
} from "jose"
import { TokenRejected, Unavailable } from "../../domain/Errors.ts"

/** `TokenRejected` with `unknown_key`: the set has no such key. `Unavailable`: there is no set to look in. */
export interface JwtKeys {
  readonly find: (header: JWTHeaderParameters) => Effect.Effect<CryptoKey, TokenRejected | Unavailable>
}

export interface RemoteKeysOptions {
  /** How soon an unknown key id may cause another fetch, and a failed fetch another try. Default 30 s and 1 s. */
  readonly cooldown?: Duration.Input | undefined
  readonly retryAfter?: Duration.Input | undefined
  /** How old the set may grow before it is fetched again. Default 10 minutes. */
  readonly maxAge?: Duration.Input | undefined
  /** Past it a fetch has failed. Default 5 s. */
  readonly timeout?: Duration.Input | undefined
}

const whyOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** A file that holds no JWKS, found at the start. */
export class JwksFileUnusable extends Data.TaggedError("JwksFileUnusable")<{
  readonly path: string
  readonly cause: unknown
}> {
  override get message(): string {
    return `${this.path} is not a usable JSON Web Key Set: ${whyOf(this.cause)}`
  }
}

type Lookup = (header: JWTHeaderParameters) => Promise<CryptoKey>

const isUnknownKey = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  // Several keys fit: the token names no key id, and guessing among keys is no verification.
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported

const unavailable = (cause: unknown) => new Unavailable({ what: "token keys", cause })

const lookUp = (lookup: Lookup, header: JWTHeaderParameters) =>
  Effect.tryPromise({
    try: () => lookup(header),
    catch: (error) =>
      isUnknownKey(error) ? new TokenRejected({ reason: "unknown_key" }) : unavailable(error)
  })

/** Keys that are known already and never change. */
export const fromJwks = (jwks: JSONWebKeySet): JwtKeys => {
  const local = createLocalJWKSet(jwks)
  return { find: (header) => lookUp(local, header) }
}

/**
 * Keys at a URL: fetched at the first use, again when they have grown old or a token names an unknown one.
 * Gotcha: a fetch that failed is not tried again by every caller, else a dead issuer would add its timeout to
 * every connect.
 */
export const fromUrl = (url: URL, options?: RemoteKeysOptions): JwtKeys => {
  const remote = createRemoteJWKSet(url, {
    cooldownDuration: Duration.toMillis(options?.cooldown ?? "30 seconds"),
    cacheMaxAge: Duration.toMillis(options?.maxAge ?? "10 minutes"),
    timeoutDuration: Duration.toMillis(options?.timeout ?? "5 seconds")
  })
  const retryAfter = Duration.toMillis(options?.retryAfter ?? "1 second")
  let failedAt = Number.NEGATIVE_INFINITY
  let failure = unavailable(undefined)

  const fromKnown = (header: JWTHeaderParameters) => {
    const known = remote.jwks()
    // A key that is not among the old ones may be among those we cannot fetch: that is no verdict on the token.
    return known === undefined
      ? Effect.fail(failure)
      : Effect.catchTag(lookUp(createLocalJWKSet(known), header), "TokenRejected", () => Effect.fail(failure))
  }

  return {
    find: Effect.fnUntraced(function* (header) {
      const now = yield* Clock.currentTimeMillis
      if (now - failedAt < retryAfter) return yield* fromKnown(header)
      return yield* lookUp(remote, header).pipe(
        Effect.catchTag("Unavailable", (error) => {
          failedAt = now
          failure = error
          return Effect.andThen(
            Effect.logWarning("The token keys cannot be fetched", {
              from: url.host,
              why: whyOf(error.cause)
            }),
            fromKnown(header)
          )
        })
      )
    })
  }
}

interface Loaded {
  readonly stamp: string
  readonly lookup: Lookup
}

const stampOf = async (path: string): Promise<string> => {
  const { ino, mtimeNs, size } = await stat(path, { bigint: true })
  return `${ino}:${mtimeNs}:${size}`
}

const load = async (path: string, stamp: string): Promise<Loaded> => ({
  stamp,
  lookup: createLocalJWKSet(JSON.parse(await readFile(path, "utf8")))
})

/** Keys in a file, read again when it changes. A change that makes it unusable keeps the former keys. */
export const fromFile = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<JwtKeys, JwksFileUnusable> {
  let loaded = yield* Effect.tryPromise({
    try: async () => load(path, await stampOf(path)),
    catch: (cause) => new JwksFileUnusable({ path, cause })
  })
  /** The last bad content is complained about once, not at every token. */
  let badStamp = ""

  const refresh = Effect.gen(function* () {
    const stamp = yield* Effect.promise(() => stampOf(path).catch(() => "absent"))
    if (stamp === loaded.stamp || stamp === badStamp) return
    yield* Effect.tryPromise(() => load(path, stamp)).pipe(
      Effect.match({
        onSuccess: (next) => {
          loaded = next
          badStamp = ""
        },
        onFailure: () => {
          badStamp = stamp
        }
      })
    )
    if (badStamp === stamp)
      yield* Effect.logWarning("The JWKS file is unusable; the former keys stay", { path })
  })

  return { find: (header) => Effect.flatMap(refresh, () => lookUp(loaded.lookup, header)) }
})
