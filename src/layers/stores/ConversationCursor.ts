/**
 * Where a page of conversations ended: the last activity and the id of its last item. Opaque to clients, who may
 * nevertheless send anything.
 */
import { isCanonicalUuid } from "../../domain/Ids.ts"

export interface ConversationCursor {
  /** Unix microseconds, the database's own precision: rounding would repeat or skip an item. */
  readonly updatedAt: number
  readonly id: string
}

export const encode = (cursor: ConversationCursor): string =>
  Buffer.from(`${cursor.updatedAt}.${cursor.id}`).toString("base64url")

/** `undefined` for what `encode` did not make. */
export const decode = (text: string): ConversationCursor | undefined => {
  const [updatedAt = "", id = "", ...rest] = Buffer.from(text, "base64url").toString("latin1").split(".")
  if (rest.length > 0 || !/^\d{1,16}$/.test(updatedAt) || !isCanonicalUuid(id)) return undefined
  return { updatedAt: Number(updatedAt), id }
}
