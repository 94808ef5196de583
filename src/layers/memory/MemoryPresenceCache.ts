/** The PresenceCache of a process of its own: nobody else writes here, though a test may let several nodes. */
import { Clock, Duration, Effect, Layer } from "effect"
import { type Held, PresenceCache } from "../../domain/ports/PresenceCache.ts"

const make = (isShared: boolean) => {
  /** When each node's lease ends, in Unix ms. */
  const leases = new Map<string, number>()
  const topics = new Map<string, Map<string, Held>>()

  const liveAt = (now: number): ReadonlySet<string> =>
    new Set(Array.from(leases).flatMap(([node, end]) => (end > now ? [node] : [])))

  const removeWhere = (isGone: (held: Held) => boolean): number => {
    let removed = 0
    for (const [topic, devices] of topics) {
      for (const [ref, held] of devices) if (isGone(held) && devices.delete(ref)) removed++
      if (devices.size === 0) topics.delete(topic)
    }
    return removed
  }

  return PresenceCache.of({
    isShared,
    beat: (node, lease) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const isNew = (leases.get(node) ?? 0) <= now
        leases.set(node, now + Duration.toMillis(lease))
        return { live: liveAt(now), isNew }
      }),
    leave: (node) =>
      Effect.sync(() => {
        leases.delete(node)
        removeWhere((held) => held.node === node)
      }),
    write: (node, changes) =>
      Effect.sync(() => {
        for (const { joins, leaves, topic } of changes) {
          const devices = topics.get(topic) ?? new Map<string, Held>()
          for (const present of joins) devices.set(present.meta.phx_ref, { ...present, node })
          for (const ref of leaves) devices.delete(ref)
          if (devices.size === 0) topics.delete(topic)
          else topics.set(topic, devices)
        }
      }),
    read: (names) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const live = liveAt(now)
        const held = names.map((name): [string, ReadonlyArray<Held>] => [
          name,
          Array.from(topics.get(name)?.values() ?? []).filter(({ node }) => live.has(node))
        ])
        return { live, held: new Map(held) }
      }),
    sweep: Effect.map(Clock.currentTimeMillis, (now) => {
      const live = liveAt(now)
      for (const node of leases.keys()) if (!live.has(node)) leases.delete(node)
      return removeWhere(({ node }) => !live.has(node))
    })
  })
}

export const layer = Layer.sync(PresenceCache, () => make(false))

/** For several nodes in one process. */
export const layerShared = Layer.sync(PresenceCache, () => make(true))
