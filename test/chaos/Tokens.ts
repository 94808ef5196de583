/** An issuer of tokens whose clock may be wrong, with the key that the nodes believe. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { calculateJwkThumbprint, importJWK, type JWK, SignJWT } from "jose"

export interface Member {
  readonly token: string
  readonly user_id: string
}

export interface Drift {
  /** Seconds by which the issuer's clock is ahead of the right one. */
  readonly ahead: number
  /** Seconds. Default: an hour. */
  readonly lifetime?: number
}

/** A token of a user of its own. */
export type Issue = (drift: Drift) => Effect.Effect<Member>

const ALGORITHM = "ES256"

/** `dataDir` is the nodes', where the dev issuer keeps its key. */
export const make = (dataDir: string): Effect.Effect<Issue> =>
  Effect.promise(async () => {
    const jwk: JWK = JSON.parse(await readFile(join(dataDir, "dev-issuer.json"), "utf8"))
    const kid = await calculateJwkThumbprint(jwk)
    const key = await importJWK(jwk, ALGORITHM)
    return ({ ahead, lifetime = 3_600 }) =>
      Effect.promise(async () => {
        const user_id = crypto.randomUUID()
        const issuedAt = Math.floor(Date.now() / 1000) + ahead
        const token = await new SignJWT({ device_id: crypto.randomUUID() })
          .setProtectedHeader({ alg: ALGORITHM, kid, typ: "JWT" })
          .setIssuer("auth-service")
          .setAudience("messaging-service")
          .setSubject(user_id)
          .setJti(crypto.randomUUID())
          .setIssuedAt(issuedAt)
          .setNotBefore(issuedAt)
          .setExpirationTime(issuedAt + lifetime)
          .sign(key)
        return { token, user_id }
      })
  })
