/**
 * The token by which requests find their long-poll session: prefixed, so that it is told apart from an application's
 * own `token`, and signed with a key of this process, which alone can say whether it issued it. It names its process in
 * the clear: others know where to take it, and learn nothing more. Holding one is being the client; it says nothing
 * about the user.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"

const PREFIX = "phxlp."
const KEY_BYTES = 32
const ID_BYTES = 16
/** Phoenix's: two weeks. */
const MAX_AGE_MS = 14 * 24 * 60 * 60 * 1000

/** `phxlp.<node>.<id>.<Unix ms in base 36>.<MAC>`; node, id and MAC in URL-safe base64. */
const pattern = /^phxlp\.([\w-]{22})\.([\w-]{22})\.([0-9a-z]{1,11})\.([\w-]{43})$/

const newId = (): string => randomBytes(ID_BYTES).toString("base64url")

export const isSessionToken = (token: string): boolean => token.startsWith(PREFIX)

/** The process that a token says it is of. Anybody can write that. */
export const nodeOf = (token: string): string | undefined => pattern.exec(token)?.[1]

export interface Signer {
  /** The process, in its tokens. */
  readonly node: string
  readonly issue: (now: number) => { readonly id: string; readonly token: string }
  /** The session's id, if the token is ours and not too old. */
  readonly verify: (token: string, now: number) => string | undefined
}

export const makeSigner = (): Signer => {
  const node = newId()
  const key = randomBytes(KEY_BYTES)
  const sign = (id: string, issuedAt: string): Buffer =>
    createHmac("sha256", key).update(`${node}.${id}.${issuedAt}`).digest()
  return {
    node,
    issue: (now) => {
      const id = newId()
      const issuedAt = now.toString(36)
      return { id, token: `${PREFIX}${node}.${id}.${issuedAt}.${sign(id, issuedAt).toString("base64url")}` }
    },
    verify: (token, now) => {
      const [, of, id = "", issuedAt = "", mac = ""] = pattern.exec(token) ?? []
      if (of !== node || !timingSafeEqual(Buffer.from(mac, "base64url"), sign(id, issuedAt))) return undefined
      return now - Number.parseInt(issuedAt, 36) > MAX_AGE_MS ? undefined : id
    }
  }
}

/** A request's tokens: the session's, if it carries one, and the application's. */
export interface Tokens {
  readonly session: string | undefined
  readonly application: string | undefined
}

/**
 * Clients put the session's token into a header, or append it to the query, where an application may have a `token`
 * of its own: of each kind the last one counts.
 */
export const tokensOf = (header: string | undefined, params: URLSearchParams): Tokens => {
  const tokens = params.getAll("token")
  return {
    session: header ?? tokens.findLast(isSessionToken),
    application: tokens.findLast((token) => token !== "" && !isSessionToken(token))
  }
}
