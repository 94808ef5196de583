/**
 * Where a device stands in its user's queue: the id of the last entry it was told of, as Redis streams number them
 * (milliseconds and a counter), and how far it has got in conversations that were active just then. The clocks of the
 * queue and of the database differ by a little, and so "active since" alone would tell those messages twice.
 *
 * Opaque to clients. Nothing in it is believed that could harm: it is compared with what the caller's own queue and
 * own memberships hold.
 */
import type { ConversationId } from "./Ids.ts"
import { isCanonicalUuid } from "./Ids.ts"

export interface SyncCursor {
  readonly id: string
  readonly seen: ReadonlyMap<ConversationId, number>
  /** Made while the queue could not be asked: it may know nothing of the device, and was not needed. */
  readonly byTime?: boolean
}

const BY_TIME = "t"

/** Conversations remembered in one cursor. Of a further one the last seconds may be told twice. */
export const MAX_SEEN = 50

const idPattern = /^\d{1,16}-\d{1,16}$/

/** Before every entry. */
export const START = "0-0"

export const millisOf = (id: string): number => Number(id.slice(0, id.indexOf("-")))

/** A position that stands before every entry of that millisecond. */
export const positionAt = (millis: number): string => `${Math.max(0, millis)}-0`

/** Whether one entry came after another. */
export const isAfter = (a: string, b: string): boolean => {
  const [aMillis, bMillis] = [millisOf(a), millisOf(b)]
  if (aMillis !== bMillis) return aMillis > bMillis
  return Number(a.slice(a.indexOf("-") + 1)) > Number(b.slice(b.indexOf("-") + 1))
}

export const latest = (a: string, b: string): string => (isAfter(a, b) ? a : b)

export const encode = ({ byTime, id, seen }: SyncCursor): string => {
  const position = byTime === true ? BY_TIME + id : id
  if (seen.size === 0) return position
  const parts = Array.from(seen, ([conversation, seq]) => `${conversation}:${seq}`).slice(0, MAX_SEEN)
  return `${position}.${Buffer.from(parts.join(",")).toString("base64url")}`
}

/** `undefined` for what is no cursor of ours. */
export const decode = (text: string): SyncCursor | undefined => {
  const [position = "", encoded = ""] = text.split(".")
  const byTime = position.startsWith(BY_TIME)
  const id = byTime ? position.slice(BY_TIME.length) : position
  if (!idPattern.test(id)) return undefined
  const seen = new Map<ConversationId, number>()
  if (encoded === "") return { id, seen, byTime }
  for (const part of Buffer.from(encoded, "base64url").toString("latin1").split(",")) {
    const [conversation = "", seq = ""] = part.split(":")
    if (!isCanonicalUuid(conversation) || !/^\d{1,16}$/.test(seq) || seen.size >= MAX_SEEN) return undefined
    seen.set(conversation as ConversationId, Number(seq))
  }
  return { id, seen, byTime }
}
