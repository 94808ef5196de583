/**
 * Presence of one topic, as Phoenix clients expect it: users by id, one meta per tracked connection, and diffs
 * that say which metas came and went. Pure; `PresenceTracker` owns one Roster per topic.
 */
import type { DeviceId, UserId } from "./Ids.ts"

export type Status = "online" | "away"

export interface Meta {
  readonly device_id: DeviceId
  readonly status: Status
  /** Unix ms. */
  readonly online_at: number
  /** Unique per (re)track; clients merge by it. */
  readonly phx_ref: string
  readonly phx_ref_prev?: string
}

export interface Entry {
  readonly metas: ReadonlyArray<Meta>
}

/** `presence_state`: everyone; also the shape of each half of a diff. */
export type Presences = Readonly<Record<string, Entry>>

export interface Diff {
  readonly joins: Presences
  readonly leaves: Presences
}

/** Changes that were not told yet. A meta that came and went in between is never told. */
export class PendingDiff {
  readonly #joins = new Map<UserId, Array<Meta>>()
  readonly #leaves = new Map<UserId, Array<Meta>>()

  join(userId: UserId, meta: Meta): void {
    append(this.#joins, userId, meta)
  }

  leave(userId: UserId, meta: Meta): void {
    const joined = this.#joins.get(userId)
    const at = joined?.findIndex((m) => m.phx_ref === meta.phx_ref) ?? -1
    if (joined === undefined || at < 0) return append(this.#leaves, userId, meta)
    joined.splice(at, 1)
    if (joined.length === 0) this.#joins.delete(userId)
  }

  get isEmpty(): boolean {
    return this.#joins.size === 0 && this.#leaves.size === 0
  }

  take(): Diff {
    const diff = { joins: presences(this.#joins), leaves: presences(this.#leaves) }
    this.#joins.clear()
    this.#leaves.clear()
    return diff
  }
}

/** Who is here: metas by user, one per tracked connection. */
export class Roster {
  readonly #users = new Map<UserId, Array<Meta>>()

  add(userId: UserId, meta: Meta): void {
    append(this.#users, userId, meta)
  }

  remove(userId: UserId, phxRef: string): Meta | undefined {
    const metas = this.#users.get(userId)
    const at = metas?.findIndex((m) => m.phx_ref === phxRef) ?? -1
    if (metas === undefined || at < 0) return undefined
    const [gone] = metas.splice(at, 1)
    if (metas.length === 0) this.#users.delete(userId)
    return gone
  }

  get isEmpty(): boolean {
    return this.#users.size === 0
  }

  state(): Presences {
    return presences(this.#users)
  }
}

const append = (map: Map<UserId, Array<Meta>>, userId: UserId, meta: Meta): void => {
  const metas = map.get(userId)
  if (metas === undefined) map.set(userId, [meta])
  else metas.push(meta)
}

/** Keys are UUIDs, so no key can be `__proto__`. */
const presences = (map: ReadonlyMap<UserId, ReadonlyArray<Meta>>): Presences =>
  Object.fromEntries(Array.from(map, ([userId, metas]) => [userId, { metas: metas.slice() }]))
