/**
 * What makes tokens worthless before they expire: a revocation of one token, or of all that a user, or one device of a
 * user, was issued until a moment. And the bounded list in which a node keeps those it knows of. Pure.
 *
 * Gotcha: `iat` counts whole seconds, so a token of the same second as a revocation of its user is refused, whichever
 * came first. Who logs in again gets in a second later.
 */
import { Schema } from "effect"
import type { Identity } from "./Identity.ts"
import { DeviceId, UserId } from "./Ids.ts"

/** A token's own id (`jti`); it becomes a key, hence the bound. */
export const TokenId = Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(128)))

/** Unix ms: tokens issued later are not meant. */
const before = Schema.Int

export const Revocation = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("token"), token_id: TokenId, before }),
  Schema.Struct({ kind: Schema.Literal("device"), user_id: UserId, device_id: DeviceId, before }),
  Schema.Struct({ kind: Schema.Literal("user"), user_id: UserId, before })
]).annotate({ identifier: "Revocation" })
export type Revocation = typeof Revocation.Type

/** What is revoked, as a key: a token, a device or a user. */
export const keyOf = (revocation: Revocation): string => {
  switch (revocation.kind) {
    case "token":
      return tokenKey(revocation.token_id)
    case "device":
      return deviceKey(revocation.user_id, revocation.device_id)
    case "user":
      return userKey(revocation.user_id)
  }
}

/** `{…}` makes Redis Cluster keep what is of one user in one place. */
export const userKey = (userId: UserId): string => `user:{${userId}}`
export const deviceKey = (userId: UserId, deviceId: DeviceId): string => `device:{${userId}}:${deviceId}`
export const tokenKey = (tokenId: string): string => `token:${tokenId}`

/** Whether it means this identity's token. */
export const covers = (revocation: Revocation, identity: Identity): boolean => {
  switch (revocation.kind) {
    case "token":
      return identity.tokenId === revocation.token_id
    case "device":
      return (
        identity.userId === revocation.user_id &&
        identity.deviceId === revocation.device_id &&
        identity.issuedAt <= revocation.before
      )
    case "user":
      return identity.userId === revocation.user_id && identity.issuedAt <= revocation.before
  }
}

interface Known {
  readonly revocation: Revocation
  /** Unix ms, when no token that it means can be valid any more. */
  readonly until: number
}

/** Revocations by what they revoke; past its capacity the one that was added first is forgotten. */
export class RevocationList {
  readonly #known = new Map<string, Known>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  isFull(now: number): boolean {
    this.#forgetExpired(now)
    return this.#known.size >= this.#capacity
  }

  add(revocation: Revocation, until: number, now: number): void {
    const key = keyOf(revocation)
    const former = this.#known.get(key)
    if (former !== undefined && former.revocation.before > revocation.before) return
    this.#known.delete(key)
    if (this.isFull(now)) this.#known.delete(this.#known.keys().next().value!)
    this.#known.set(key, { revocation, until })
  }

  /** Those that still mean some token, with how many ms they are needed. */
  live(now: number): ReadonlyArray<{ readonly revocation: Revocation; readonly left: number }> {
    this.#forgetExpired(now)
    return Array.from(this.#known.values(), ({ revocation, until }) => ({ revocation, left: until - now }))
  }

  covers(identity: Identity): boolean {
    if (this.#known.size === 0) return false
    const { deviceId, tokenId, userId } = identity
    return (
      this.#covers(tokenKey(tokenId), identity) ||
      this.#covers(userKey(userId), identity) ||
      this.#covers(deviceKey(userId, deviceId), identity)
    )
  }

  #covers(key: string, identity: Identity): boolean {
    const known = this.#known.get(key)
    return known !== undefined && covers(known.revocation, identity)
  }

  /** The oldest are first, and all live equally long. */
  #forgetExpired(now: number): void {
    for (const [key, { until }] of this.#known) {
      if (until > now) return
      this.#known.delete(key)
    }
  }
}
