/**
 * Whether a user is there, over all of their devices, as somebody sees it who shares a conversation with them. Pure: made
 * of what `Presence` holds of the user's own topic.
 */
import { Schema } from "effect"
import { MAX_IDS_PER_REQUEST } from "./Commands.ts"
import { UserId } from "./Ids.ts"
import { Timestamp } from "./Message.ts"
import type { Meta } from "./Presence.ts"

export const UserPresence = Schema.Struct({
  user_id: UserId,
  status: Schema.Literals(["online", "away", "offline"]),
  last_seen: Schema.NullOr(Timestamp).annotate({
    description: "Of who is offline, as both allow it; null where it is not known or not told"
  }),
  stale: Schema.optionalKey(Schema.Literal(true)).annotate({
    description: "Other nodes cannot be asked at present: it may be otherwise"
  })
}).annotate({ identifier: "UserPresence" })
export type UserPresence = typeof UserPresence.Type

/** `watch_presence`: these users, and no longer those of the call before. */
export const WatchPresence = Schema.Struct({
  user_ids: Schema.Array(UserId).pipe(Schema.check(Schema.isMaxLength(MAX_IDS_PER_REQUEST)))
}).annotate({ identifier: "WatchPresence" })

export interface Standing {
  readonly status: UserPresence["status"]
  readonly isStale: boolean
}

/**
 * The best of all devices. `isCut`: devices on other nodes may have come or gone unnoticed, which matters unless one that
 * is known for certain is online.
 */
export const standing = (metas: ReadonlyArray<Meta>, isCut: boolean): Standing => {
  const isOnline = (meta: Meta) => meta.status === "online"
  const status = metas.some(isOnline) ? "online" : metas.length > 0 ? "away" : "offline"
  const isCertain = metas.some((meta) => isOnline(meta) && meta.stale !== true)
  return { status, isStale: !isCertain && (isCut || metas.some(({ stale }) => stale === true)) }
}
