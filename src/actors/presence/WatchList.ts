/**
 * The users whom one connection watches, and what it was told of each. `UserPresence` makes them, and knows how things
 * stand; this keeps the connection's picture right: it begins with an answer, and every change after that is told once.
 */
import { Effect } from "effect"
import type { InvalidInput, Unavailable } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { UserId } from "../../domain/Ids.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import type { UserPresence as Shown, Standing } from "../../domain/UserPresence.ts"
import { WATCH_DOUBTED } from "../conversation/ConversationEvents.ts"
import type { Limited } from "../conversation/Conversations.ts"
import type { Subscriber } from "../topic/TopicHub.ts"

/** Several reasons to doubt a list come together. */
const GATHER = "100 millis"

/** How lists see: what all of this node's have in common. */
export interface Seeing {
  readonly here: (userId: UserId) => Standing
  readonly now: () => number
  /** Whether so many may be asked for now, each once; those that are known already at no cost. */
  readonly admit: (
    viewer: Identity,
    userIds: ReadonlyArray<UserId>,
    isKnown: (userId: UserId) => boolean
  ) => Effect.Effect<ReadonlyArray<UserId>, InvalidInput | Limited>
  /** Who of them may be watched. */
  readonly sharing: (
    viewer: UserId,
    userIds: ReadonlyArray<UserId>
  ) => Effect.Effect<ReadonlyArray<UserId>, Unavailable>
  /** How these users are shown to the viewer, given how they stand. */
  readonly seenBy: (
    viewer: UserId,
    userIds: ReadonlyArray<UserId>
  ) => Effect.Effect<(userId: UserId, is: Standing) => Shown, Unavailable>
  readonly follow: (userId: UserId) => Watched
  /** Unless another list still does. */
  readonly unfollow: (watched: Watched) => void
  /** Waits until the devices on other nodes are known, or cannot be; not for long. */
  readonly whole: (userIds: ReadonlyArray<UserId>) => Effect.Effect<void>
  /** Runs it until it succeeds, with few others at a time. */
  readonly later: (recheck: Effect.Effect<void, Unavailable>) => void
  readonly run: (effect: Effect.Effect<void>) => void
}

/** A user whom some connections of this node watch. */
export class Watched implements Subscriber {
  readonly userId: UserId
  readonly lists = new Set<WatchList>()
  /** Stops following the user's presence. */
  ending: () => void = () => {}
  /** When the user was seen to leave; the record of it may be on its way. */
  leftAt = 0
  readonly #seeing: Pick<Seeing, "here" | "now">
  #is: Standing

  constructor(userId: UserId, seeing: Pick<Seeing, "here" | "now">) {
    this.userId = userId
    this.#seeing = seeing
    this.#is = seeing.here(userId)
  }

  /** The user's devices, or what can be known of them, may have changed. */
  changed(): void {
    const [was, is] = [this.#is, this.#seeing.here(this.userId)]
    if (is.status === was.status && is.isStale === was.isStale) return
    this.#is = is
    if (is.status === "offline" && was.status !== "offline") this.leftAt = this.#seeing.now()
    for (const list of this.lists) list.changed(this.userId)
  }

  deliver({ event }: Publication): void {
    if (event === WATCH_DOUBTED) this.inDoubt()
  }

  inDoubt(): void {
    for (const list of this.lists) list.doubt()
  }
}

const isSame = (a: Shown | undefined, b: Shown): boolean =>
  a?.status === b.status && a.last_seen === b.last_seen && a.stale === b.stale

export class WatchList {
  readonly #identity: Identity
  readonly #seeing: Seeing
  readonly #tell: (presence: Shown) => boolean
  #watched: ReadonlyMap<UserId, Watched> = new Map()
  readonly #told = new Map<UserId, Shown>()
  /** Of which list it is; what is found out about an earlier one is not told. */
  #generation = 0
  /** What changes now is in the answer that is being made. */
  #isReplacing = false
  #isDoubted = false
  #isClosed = false
  /** The connection was too slow to be told something. */
  #hasMissed = false

  constructor(viewer: Identity, seeing: Seeing, tell: (presence: Shown) => boolean) {
    this.#identity = viewer
    this.#seeing = seeing
    this.#tell = tell
  }

  get #viewer(): UserId {
    return this.#identity.userId
  }

  /** Watches these, and no longer those of before. Where it fails the former list holds. */
  readonly replace = Effect.fnUntraced({ self: this }, function* (userIds: ReadonlyArray<UserId>) {
    const wanted = yield* this.#seeing.admit(this.#identity, userIds, (userId) => this.#watched.has(userId))
    const allowed = yield* this.#seeing.sharing(this.#viewer, wanted)
    this.#isReplacing = true
    const next = new Map(allowed.map((userId) => [userId, this.#seeing.follow(userId)]))
    for (const watched of next.values()) watched.lists.add(this)
    const finding = Effect.andThen(this.#seeing.whole(allowed), this.#seeing.seenBy(this.#viewer, allowed))
    const see = yield* finding.pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          this.#isReplacing = false
          const isDone = exit._tag === "Success" && !this.#isClosed
          if (isDone) this.#generation++
          this.#release(isDone ? this.#watched : next, isDone ? next : this.#watched)
          if (isDone) this.#watched = next
          else this.doubt()
        })
      )
    )
    this.#told.clear()
    return allowed.map((userId) => {
      const presence = see(userId, this.#seeing.here(userId))
      this.#told.set(userId, presence)
      return presence
    })
  })

  /** How the user stands has changed. */
  changed(userId: UserId): void {
    if (this.#isReplacing || !this.#watched.has(userId)) return
    const is = this.#seeing.here(userId)
    if (is.status !== "offline") {
      return this.#show({
        user_id: userId,
        status: is.status,
        last_seen: null,
        ...(is.isStale ? { stale: true } : {})
      })
    }
    const generation = this.#generation
    this.#seeing.run(
      Effect.match(this.#seeing.seenBy(this.#viewer, [userId]), {
        onSuccess: (see) => {
          // It is not so any more, or was told by somebody else.
          const now = this.#seeing.here(userId)
          if (generation === this.#generation && now.status === "offline") this.#show(see(userId, now))
        },
        onFailure: () => {
          this.#show({ user_id: userId, status: "offline", last_seen: null })
          this.doubt()
        }
      })
    )
  }

  /** What may be watched, or is known of it, may have changed. */
  doubt(): void {
    if (this.#isDoubted || this.#isClosed || this.#watched.size === 0) return
    this.#isDoubted = true
    this.#seeing.later(Effect.delay(this.#recheck, GATHER))
  }

  readonly #recheck: Effect.Effect<void, Unavailable> = Effect.gen({ self: this }, function* () {
    this.#isDoubted = false
    const [generation, watched] = [this.#generation, this.#watched]
    if (this.#isClosed || watched.size === 0) return
    const allowed = yield* this.#seeing.sharing(this.#viewer, Array.from(watched.keys()))
    const see = yield* this.#seeing.seenBy(this.#viewer, allowed)
    if (this.#isClosed || generation !== this.#generation || this.#isReplacing) return
    const next = new Map(
      allowed.flatMap((userId) => {
        const one = watched.get(userId)
        return one === undefined ? [] : [[userId, one] as const]
      })
    )
    this.#watched = next
    this.#release(watched, next)
    for (const userId of watched.keys()) {
      if (next.has(userId)) this.#show(see(userId, this.#seeing.here(userId)))
      else {
        // The last that is told of them, and nothing that a stranger could not say.
        this.#show({ user_id: userId, status: "offline", last_seen: null })
        this.#told.delete(userId)
      }
    }
  })

  /** The connection can be told things again. */
  caughtUp(): void {
    if (!this.#hasMissed) return
    this.#hasMissed = false
    this.doubt()
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#release(this.#watched, new Map())
    this.#watched = new Map()
  }

  /** Leaves those of a list that are not in another. */
  #release(from: ReadonlyMap<UserId, Watched>, kept: ReadonlyMap<UserId, Watched>): void {
    for (const [userId, watched] of from) {
      if (kept.has(userId)) continue
      watched.lists.delete(this)
      this.#seeing.unfollow(watched)
    }
  }

  #show(presence: Shown): void {
    const { user_id: userId } = presence
    if (isSame(this.#told.get(userId), presence)) return
    if (this.#tell(presence)) return void this.#told.set(userId, presence)
    this.#told.delete(userId)
    this.#hasMissed = true
  }
}
