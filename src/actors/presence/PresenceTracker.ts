/**
 * Who is on which topic: this node's devices, and those of other nodes that PresenceExchange shows here. Changes are
 * told to the topic's subscribers as `presence_diff`s, at most one per topic and interval, so that a storm of joins
 * costs each subscriber a few frames and not one per join.
 */
import { Clock, Context, Duration, Effect, FiberSet, Layer } from "effect"
import type { DeviceId, UserId } from "../../domain/Ids.ts"
import * as LiveMetrics from "../../domain/LiveMetrics.ts"
import { type Meta, Roster, type RosterLimits, type Status } from "../../domain/Presence.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import { TopicHub } from "../topic/TopicHub.ts"

export interface PresenceOptions extends RosterLimits {
  /** The least time between two diffs of one topic. */
  readonly diffInterval: Duration.Duration
}

const defaults: PresenceOptions = { keys: 1_000, metas: 20, diffInterval: Duration.millis(50) }

/** One connection on one topic. Past a limit of its topic it is not shown to others. */
export interface Tracked {
  readonly update: (status: Status) => void
  readonly untrack: () => void
}

/** What is told of this node's devices, and asked before a client is shown a topic. */
export interface Peers {
  /** A first device of this node is on the topic, or somebody watches it. Called before anything else of the topic. */
  readonly opened: (topic: string) => void
  readonly joined: (topic: string, userId: UserId, meta: Meta) => void
  readonly left: (topic: string, ref: string) => void
  /** The last device of this node has left the topic, and nobody watches it. */
  readonly closed: (topic: string) => void
  /** Calls back once the topic's devices of other nodes are shown, or cannot be known: at once where possible. */
  readonly whenWhole: (topic: string, then: () => void) => void
}

const nobody: Peers = {
  opened: () => {},
  joined: () => {},
  left: () => {},
  closed: () => {},
  whenWhole: (_, then) => then()
}

export class PresenceTracker extends Context.Service<
  PresenceTracker,
  {
    readonly track: (topic: string, userId: UserId, deviceId: DeviceId, status: Status) => Tracked
    /** The topic's `presence_state`, as JSON text. Whoever is sent it must be subscribed to the topic. */
    readonly stateJson: (topic: string) => string
    /** Calls back when `stateJson` includes the devices of other nodes, or as soon as it is clear that it cannot. */
    readonly whenWhole: (topic: string, then: () => void) => void
    /**
     * Follows a topic without a device on it: calls back whenever somebody's devices have changed, at most once per
     * interval. Whoever does so is subscribed to the topic on which other nodes tell of it. Answers how to end it.
     */
    readonly watch: (topic: string, changed: () => void) => () => void
    /** Whether the topic is followed here, by a device or a watcher. */
    readonly isFollowed: (topic: string) => boolean
    readonly metasOf: (topic: string, userId: UserId) => ReadonlyArray<Meta>
    /** Whether other nodes cannot be asked: what is known of their devices may be wrong. */
    readonly isCut: () => boolean
    /** Adds a listener for when that changes; answers how to remove it. */
    readonly onCut: (listener: () => void) => () => void
    /** Other nodes cannot be asked from now on, or can be again. */
    readonly cut: (isCut: boolean) => void
    /** Shows a device of another node, or shows it otherwise. */
    readonly show: (topic: string, userId: UserId, meta: Meta) => void
    /** Shows a device of another node no longer. */
    readonly hide: (topic: string, userId: UserId, ref: string) => void
    /** Sets the one who joins this node with others. */
    readonly connect: (peers: Peers) => void
  }
>()("messaging-service/actors/presence/PresenceTracker") {}

/** 16 characters of URL-safe base64, as Phoenix's refs are: the random end of a time-ordered id. */
const newRef = (): string => Buffer.from(newId().replaceAll("-", "").slice(8), "hex").toString("base64url")

/** The devices of this node on one topic, and how to change what is shown of it. */
interface Place {
  readonly add: (userId: UserId, meta: Meta) => void
  readonly remove: (userId: UserId, ref: string) => void
  readonly leave: () => void
}

class Presence implements Tracked {
  readonly #place: Place
  readonly #userId: UserId
  #meta: Meta
  #isHere = true

  constructor(place: Place, userId: UserId, meta: Meta) {
    this.#place = place
    this.#userId = userId
    this.#meta = meta
    place.add(userId, meta)
  }

  update(status: Status): void {
    if (!this.#isHere) return
    const { device_id, online_at, phx_ref } = this.#meta
    this.#place.remove(this.#userId, phx_ref)
    this.#meta = { device_id, status, online_at, phx_ref: newRef(), phx_ref_prev: phx_ref }
    this.#place.add(this.#userId, this.#meta)
  }

  untrack(): void {
    if (!this.#isHere) return
    this.#isHere = false
    this.#place.remove(this.#userId, this.#meta.phx_ref)
    this.#place.leave()
  }
}

export const layerWith = (options: Partial<PresenceOptions> = {}) =>
  Layer.effect(
    PresenceTracker,
    Effect.gen(function* () {
      const { diffInterval, ...limits } = { ...defaults, ...options }
      const hub = yield* TopicHub
      const clock = yield* Clock.Clock
      const run = yield* FiberSet.makeRuntime<never>()
      const rosters = new Map<string, Roster>()
      /** Topics with untold changes. */
      let changed = new Set<string>()

      const tell = Effect.sync(() => {
        const topics = changed
        changed = new Set()
        for (const topic of topics) {
          const roster = rosters.get(topic)
          const diff = roster?.takeDiff()
          if (roster?.isEmpty) rosters.delete(topic)
          if (diff === undefined) continue
          hub.publishLocal({
            topic,
            event: "presence_diff",
            payload: JSON.stringify(diff),
            seq: null,
            except: null
          })
          for (const changed of watchers.get(topic) ?? []) changed()
        }
      })
      const toChange = (topic: string): Roster => {
        let roster = rosters.get(topic)
        if (roster === undefined) rosters.set(topic, (roster = new Roster(limits)))
        // The first change since the last telling sets the time of the next, for all topics.
        if (changed.size === 0) run(Effect.delay(tell, diffInterval))
        changed.add(topic)
        return roster
      }

      /** How many devices of this node are on each topic, and how many watch it. */
      const here = new Map<string, number>()
      yield* LiveMetrics.gauge({
        id: "presence_topics",
        description: "Topics with devices of this node, or watched by some",
        value: () => here.size
      })
      const watchers = new Map<string, Set<() => void>>()
      const cutListeners = new Set<() => void>()
      let isCut = false
      let peers = nobody
      const enter = (topic: string): void => {
        const before = here.get(topic) ?? 0
        here.set(topic, before + 1)
        if (before === 0) peers.opened(topic)
      }
      const leave = (topic: string): void => {
        const left = (here.get(topic) ?? 0) - 1
        if (left > 0) return void here.set(topic, left)
        here.delete(topic)
        peers.closed(topic)
      }
      const place = (topic: string): Place => ({
        add: (userId, meta) => {
          if (toChange(topic).add(userId, meta)) peers.joined(topic, userId, meta)
        },
        remove: (userId, ref) => {
          if (toChange(topic).remove(userId, ref)) peers.left(topic, ref)
        },
        leave: () => leave(topic)
      })

      return PresenceTracker.of({
        stateJson: (topic) => rosters.get(topic)?.stateJson() ?? "{}",
        whenWhole: (topic, then) => peers.whenWhole(topic, then),
        track: (topic, userId, deviceId, status) => {
          enter(topic)
          return new Presence(place(topic), userId, {
            device_id: deviceId,
            status,
            online_at: clock.currentTimeMillisUnsafe(),
            phx_ref: newRef()
          })
        },
        watch: (topic, changed) => {
          // One of its own for each, whoever else passes the same.
          const watcher = () => changed()
          enter(topic)
          const others = watchers.get(topic) ?? new Set()
          watchers.set(topic, others.add(watcher))
          return () => {
            if (!others.delete(watcher)) return
            if (others.size === 0) watchers.delete(topic)
            leave(topic)
          }
        },
        isFollowed: (topic) => here.has(topic),
        metasOf: (topic, userId) => rosters.get(topic)?.metasOf(userId) ?? [],
        isCut: () => isCut,
        onCut: (listener) => {
          cutListeners.add(listener)
          return () => void cutListeners.delete(listener)
        },
        cut: (now) => {
          if (now === isCut) return
          isCut = now
          for (const listener of cutListeners) listener()
        },
        show: (topic, userId, meta) => void toChange(topic).put(userId, meta),
        hide: (topic, userId, ref) => void toChange(topic).remove(userId, ref),
        connect: (to) => {
          peers = to
        }
      })
    })
  )

export const layer = layerWith()
