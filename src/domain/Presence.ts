/**
 * Presence of one topic, as Phoenix clients expect it: users by id, one meta per tracked connection, and diffs
 * that say which metas came and went since the last one. Pure; `PresenceTracker` owns one Roster per topic.
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
  /** On another node, which cannot be asked at present: it may be gone. */
  readonly stale?: true
}

export interface Entry {
  readonly metas: ReadonlyArray<Meta>
}

/** `presence_state`: everyone; also the shape of each half of a diff. Keys are UUIDs, so none is `__proto__`. */
export type Presences = Readonly<Record<string, Entry>>

export interface Diff {
  readonly joins: Presences
  readonly leaves: Presences
}

export interface RosterLimits {
  /** Users shown on one topic. */
  readonly keys: number
  /** Connections shown of one user. */
  readonly metas: number
}

/** The metas of one user, and their JSON text for as long as they do not change. */
interface Shown {
  readonly metas: Array<Meta>
  json: string | undefined
}

/** Who is here, and what has changed since that was last told. */
export class Roster {
  readonly #limits: RosterLimits
  readonly #users = new Map<UserId, Shown>()
  #pending: PendingDiff | undefined

  constructor(limits: RosterLimits) {
    this.#limits = limits
  }

  /** False when a limit is reached: the connection is then not shown. */
  add(userId: UserId, meta: Meta): boolean {
    const user = this.#users.get(userId)
    if (user === undefined) {
      if (this.#users.size >= this.#limits.keys) return false
      this.#users.set(userId, { metas: [meta], json: undefined })
    } else {
      if (user.metas.length >= this.#limits.metas) return false
      user.metas.push(meta)
      user.json = undefined
    }
    this.#changes.join(userId, meta)
    return true
  }

  /** Shows a meta in the place of the one with the same ref, if there is one, or adds it. */
  put(userId: UserId, meta: Meta): boolean {
    const user = this.#users.get(userId)
    const at = user?.metas.findIndex(({ phx_ref }) => phx_ref === meta.phx_ref) ?? -1
    if (user === undefined || at < 0) return this.add(userId, meta)
    user.metas[at] = meta
    user.json = undefined
    this.#changes.replace(userId, meta)
    return true
  }

  /** False when no such meta is shown. */
  remove(userId: UserId, phxRef: string): boolean {
    const user = this.#users.get(userId)
    const at = user?.metas.findIndex((meta) => meta.phx_ref === phxRef) ?? -1
    if (user === undefined || at < 0) return false
    const [gone] = user.metas.splice(at, 1)
    user.json = undefined
    if (user.metas.length === 0) this.#users.delete(userId)
    this.#changes.leave(userId, gone!)
    return true
  }

  get isEmpty(): boolean {
    return this.#users.size === 0
  }

  metasOf(userId: UserId): ReadonlyArray<Meta> {
    return this.#users.get(userId)?.metas ?? []
  }

  /** The `presence_state` as JSON text. Whoever got it must get the next diff too. */
  stateJson(): string {
    this.#pending?.shown()
    const entries: Array<string> = []
    for (const [userId, user] of this.#users) {
      user.json ??= `"${userId}":${JSON.stringify({ metas: user.metas })}`
      entries.push(user.json)
    }
    return `{${entries.join(",")}}`
  }

  /** What has changed since the last call; `undefined` when nothing has. */
  takeDiff(): Diff | undefined {
    const diff = this.#pending?.toDiff()
    this.#pending = undefined
    return diff
  }

  get #changes(): PendingDiff {
    this.#pending ??= new PendingDiff()
    return this.#pending
  }
}

/**
 * Changes that were not told yet. A meta that came and went in between is not told at all, unless a state has
 * shown it meanwhile: then whoever got that state must learn that it went. (Leaves of a meta that a client does
 * not know mean nothing to it.)
 */
class PendingDiff {
  readonly #joins = new Map<UserId, Array<Meta>>()
  readonly #leaves = new Map<UserId, Array<Meta>>()
  #hasShown = false

  shown(): void {
    this.#hasShown = true
  }

  join(userId: UserId, meta: Meta): void {
    // Clients take joins before leaves: one that left and came back within a diff did not leave.
    if (cut(this.#leaves, userId, meta)) this.#hasShown = true
    append(this.#joins, userId, meta)
  }

  leave(userId: UserId, meta: Meta): void {
    const wasPending = cut(this.#joins, userId, meta)
    if (!wasPending || this.#hasShown) append(this.#leaves, userId, meta)
  }

  /** To a client, a join with a ref that it knows takes the place of the former one. */
  replace(userId: UserId, meta: Meta): void {
    if (!cut(this.#joins, userId, meta)) this.#hasShown = true
    append(this.#joins, userId, meta)
  }

  toDiff(): Diff | undefined {
    if (this.#joins.size === 0 && this.#leaves.size === 0) return undefined
    return { joins: presences(this.#joins), leaves: presences(this.#leaves) }
  }
}

const append = (map: Map<UserId, Array<Meta>>, userId: UserId, meta: Meta): void => {
  const metas = map.get(userId)
  if (metas === undefined) map.set(userId, [meta])
  else metas.push(meta)
}

const cut = (map: Map<UserId, Array<Meta>>, userId: UserId, meta: Meta): boolean => {
  const metas = map.get(userId)
  const at = metas?.findIndex(({ phx_ref }) => phx_ref === meta.phx_ref) ?? -1
  if (metas === undefined || at < 0) return false
  metas.splice(at, 1)
  if (metas.length === 0) map.delete(userId)
  return true
}

const presences = (map: ReadonlyMap<UserId, ReadonlyArray<Meta>>): Presences =>
  Object.fromEntries(Array.from(map, ([userId, metas]) => [userId, { metas }]))
