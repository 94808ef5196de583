/**
 * Who is on which topic, on this node. Changes are told to the topic's subscribers as `presence_diff`s, at most
 * one per topic and interval, so that a storm of joins costs each subscriber a few frames and not one per join.
 */
import { Clock, Context, Duration, Effect, FiberSet, Layer } from "effect"
import { uuidV7Unsafe } from "effect/crypto/SecureRandom"
import type { DeviceId, UserId } from "../domain/Ids.ts"
import { type Meta, Roster, type RosterLimits, type Status } from "../domain/Presence.ts"
import { TopicHub } from "./TopicHub.ts"

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

export class PresenceTracker extends Context.Service<
  PresenceTracker,
  {
    readonly track: (topic: string, userId: UserId, deviceId: DeviceId, status: Status) => Tracked
    /** The topic's `presence_state`, as JSON text. Whoever is sent it must be subscribed to the topic. */
    readonly stateJson: (topic: string) => string
  }
>()("messaging-service/actors/PresenceTracker") {}

/** 16 characters of URL-safe base64, as Phoenix's refs are: the random end of a time-ordered id. */
const newRef = (): string =>
  Buffer.from(uuidV7Unsafe().replaceAll("-", "").slice(8), "hex").toString("base64url")

class Presence implements Tracked {
  readonly #roster: () => Roster
  readonly #userId: UserId
  #meta: Meta

  /** `roster` answers the topic's roster, for a change. */
  constructor(roster: () => Roster, userId: UserId, meta: Meta) {
    this.#roster = roster
    this.#userId = userId
    this.#meta = meta
    roster().add(userId, meta)
  }

  update(status: Status): void {
    const { device_id, online_at, phx_ref } = this.#meta
    const roster = this.#roster()
    roster.remove(this.#userId, phx_ref)
    this.#meta = { device_id, status, online_at, phx_ref: newRef(), phx_ref_prev: phx_ref }
    roster.add(this.#userId, this.#meta)
  }

  untrack(): void {
    this.#roster().remove(this.#userId, this.#meta.phx_ref)
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

      return PresenceTracker.of({
        stateJson: (topic) => rosters.get(topic)?.stateJson() ?? "{}",
        track: (topic, userId, deviceId, status) =>
          new Presence(() => toChange(topic), userId, {
            device_id: deviceId,
            status,
            online_at: clock.currentTimeMillisUnsafe(),
            phx_ref: newRef()
          })
      })
    })
  )

export const layer = layerWith()
