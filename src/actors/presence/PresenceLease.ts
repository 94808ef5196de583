/**
 * A node's lease in the PresenceCache: who this node is, who it was, and which of the others are dead. It owns no timer
 * and no device; `PresenceExchange` beats, and decides what follows from it.
 */
import { Duration, Effect } from "effect"
import type { PresenceCache } from "../../domain/ports/PresenceCache.ts"
import { newId } from "../../domain/TimeOrderedId.ts"

export class PresenceLease {
  readonly #cache: PresenceCache["Service"]
  readonly #duration: Duration.Duration
  #node = newId()
  /** Incarnations before this one, whose traces are not other nodes. */
  readonly #former = new Set<string>()
  /** Nodes that told something since the last beat. */
  readonly #heard = new Set<string>()
  #lastBeat = 0
  #deadFrom = 0

  constructor(cache: PresenceCache["Service"], duration: Duration.Duration) {
    this.#cache = cache
    this.#duration = duration
  }

  get node(): string {
    return this.#node
  }

  wasOurs(node: string): boolean {
    return this.#former.has(node)
  }

  isOurs(node: string): boolean {
    return node === this.#node || this.wasOurs(node)
  }

  /** A node has told something, or was seen to live. */
  heard(node: string): void {
    this.#heard.add(node)
  }

  /** Takes or renews the lease, and answers what the cache says of it. */
  readonly beat = Effect.suspend(() => {
    this.#heard.clear()
    return this.#cache.beat(this.#node, this.#duration)
  })

  held(now: number): void {
    this.#lastBeat = Math.max(this.#lastBeat, now)
  }

  /** Whether the others may think this node dead, and this node cannot tell who of them lives. */
  hasLapsed(now: number): boolean {
    return now - this.#lastBeat >= Duration.toMillis(this.#duration)
  }

  /** Goes on as a new node, and answers who it was. */
  readonly renew = Effect.fnUntraced({ self: this }, function* (now: number) {
    const former = this.#node
    this.#node = newId()
    this.#former.add(former)
    yield* this.#cache.beat(this.#node, this.#duration)
    // If this fails it is dead when its lease ends.
    yield* Effect.ignore(this.#cache.leave(former))
    // The others may have lost their leases together with us, and need as long to come back.
    this.#deadFrom = now + Duration.toMillis(this.#duration)
    return former
  })

  /** Which nodes are dead, given those with a lease; `undefined` while that cannot be said. */
  dead(live: ReadonlySet<string>, now: number): ((node: string) => boolean) | undefined {
    return now < this.#deadFrom ? undefined : (node) => !live.has(node) && !this.#heard.has(node)
  }

  /** Other nodes need not wait for the end of the lease of one that stops. */
  readonly leave = Effect.suspend(() => Effect.ignore(this.#cache.leave(this.#node)))
}
