/**
 * The token issuer of dev and test: one ES256 key pair, kept in the data directory so that tokens survive a
 * restart. The file is the secret; only its owner may read it.
 */
import { randomUUID } from "node:crypto"
import { chmod, link, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Clock, Data, Effect, Layer, Schema } from "effect"
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from "jose"
import { Unavailable } from "../../domain/Errors.ts"
import { DeviceId, UserId } from "../../domain/Ids.ts"
import { DevIssuer, MAX_LIFETIME } from "../../domain/ports/DevIssuer.ts"

const ALGORITHM = "ES256"

export interface DevIssuerOptions {
  /** Where the key is kept, as `dev-issuer.json`. Made when absent. */
  readonly dataDir: string
  /** Default `auth-service`. */
  readonly issuer?: string | undefined
  /** Default `messaging-service`. */
  readonly audience?: string | undefined
}

/** The kept key cannot be read, written or understood. */
export class DevIssuerKeyUnusable extends Data.TaggedError("DevIssuerKeyUnusable")<{
  readonly path: string
  readonly cause: unknown
}> {
  override get message(): string {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `The dev issuer's key ${this.path} is not usable: ${why}. Remove the file to have a new one made.`
  }
}

const PrivateKey = Schema.Struct({
  kty: Schema.Literal("EC"),
  crv: Schema.Literal("P-256"),
  x: Schema.String,
  y: Schema.String,
  d: Schema.String
})
const KeyFile = Schema.fromJsonString(PrivateKey)

const generate = async (): Promise<string> => {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  return JSON.stringify(await exportJWK(privateKey))
}

/**
 * Makes the key file unless there is one. Two processes that start at once on one directory end with one key:
 * a hard link is made whole or not at all, and never over an existing file.
 */
const ensure = async (path: string): Promise<void> => {
  const draft = `${path}.${randomUUID()}`
  await writeFile(draft, await generate(), { mode: 0o600, flag: "wx" })
  try {
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  } finally {
    await rm(draft)
  }
}

const isAbsent = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT"

const readOrMake = async (path: string): Promise<string> => {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
  await ensure(path)
  return readFile(path, "utf8")
}

const loadKey = async (dataDir: string, path: string): Promise<typeof PrivateKey.Type> => {
  await mkdir(dataDir, { recursive: true })
  const key = Schema.decodeUnknownSync(KeyFile)(await readOrMake(path))
  await chmod(path, 0o600)
  return key
}

const make = Effect.fnUntraced(function* (
  options: DevIssuerOptions
): Effect.fn.Return<DevIssuer["Service"], DevIssuerKeyUnusable> {
  const path = join(options.dataDir, "dev-issuer.json")
  const { signingKey, publicKey } = yield* Effect.tryPromise({
    try: async () => {
      const { d, ...open } = await loadKey(options.dataDir, path)
      const kid = await calculateJwkThumbprint(open)
      return {
        signingKey: await importJWK({ ...open, d }, ALGORITHM),
        publicKey: { ...open, kid, alg: ALGORITHM, use: "sig" }
      }
    },
    catch: (cause) => new DevIssuerKeyUnusable({ path, cause })
  })

  const issue = Effect.fn("DevIssuer.issue")(function* (
    request: Parameters<DevIssuer["Service"]["issue"]>[0]
  ) {
    const user_id = request.user_id ?? UserId.make(randomUUID())
    const device_id = request.device_id ?? DeviceId.make(randomUUID())
    const issuedAt = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const { expires_in = MAX_LIFETIME, jti = randomUUID(), scope, single_use, trust_level } = request
    const expiresAt = issuedAt + expires_in
    const token = yield* Effect.tryPromise({
      try: () =>
        new SignJWT({
          device_id,
          ...(trust_level === undefined ? {} : { trust_level }),
          ...(scope === undefined ? {} : { scope }),
          ...(single_use === undefined ? {} : { single_use })
        })
          .setProtectedHeader({ alg: ALGORITHM, kid: publicKey.kid, typ: "JWT" })
          .setIssuer(options.issuer ?? "auth-service")
          .setAudience(options.audience ?? "messaging-service")
          .setSubject(user_id)
          .setJti(jti)
          .setIssuedAt(issuedAt)
          .setNotBefore(issuedAt)
          .setExpirationTime(expiresAt)
          .sign(signingKey),
      catch: (cause) => new Unavailable({ what: "dev issuer", cause })
    })
    return { token, user_id, device_id, expires_at: new Date(expiresAt * 1000).toISOString() }
  })

  return { issue, jwks: { keys: [publicKey] } }
})

export const layer = (options: DevIssuerOptions): Layer.Layer<DevIssuer, DevIssuerKeyUnusable> =>
  Layer.effect(DevIssuer, make(options))
