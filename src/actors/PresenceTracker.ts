/**
 * Who is on which topic, on this node. Changes are told to the topic's subscribers as `presence_diff`s, at most
 * one per topic and interval, so that a storm of joins costs each subscriber a few frames and not one per join.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { uuidV7Unsafe } from "effect/crypto/SecureRandom"
import type { DeviceId, UserId } from "../domain/Ids.ts"
import { type Meta, PendingDiff, type Presences, Roster, type Status } from "../domain/Presence.ts"
import { TopicHub } from "./TopicHub.ts"

/** Diffs of one topic are told this many milliseconds after its first untold change. */
const DIFF_INTERVAL_MS = 50

/** One tracked connection on one topic. */
export interface Tracked {
  readonly update: (status: Status) => void
  readonly untrack: () => void
}

export class PresenceTracker extends Context.Service<
  PresenceTracker,
  {
    readonly track: (topic: string, userId: UserId, deviceId: DeviceId, status: Status) => Tracked
    readonly state: (topic: string) => Presences
  }
>()("messaging-service/actors/PresenceTracker") {}

/** 16 characters of URL-safe base64, as Phoenix's refs are: the random end of a time-ordered id. */
const newRef = (): string =>
  Buffer.from(uuidV7Unsafe().replaceAll("-", "").slice(8), "hex").toString("base64url")

export const layer = Layer.effect(
  PresenceTracker,
  Effect.gen(function* () {
    const hub = yield* TopicHub
    const clock = yield* Clock.Clock
    const topics = new Map<string, { readonly roster: Roster; readonly pending: PendingDiff }>()
    const due = new Set<string>()

    const tell = (topic: string): void => {
      due.delete(topic)
      const entry = topics.get(topic)
      if (entry === undefined) return
      if (!entry.pending.isEmpty) {
        const payload = JSON.stringify(entry.pending.take())
        hub.publishLocal({ topic, event: "presence_diff", payload, seq: null, except: null })
      }
      if (entry.roster.isEmpty) topics.delete(topic)
    }
    const changed = (topic: string): void => {
      if (due.has(topic)) return
      due.add(topic)
      setTimeout(tell, DIFF_INTERVAL_MS, topic)
    }
    const entryOf = (topic: string) => {
      let entry = topics.get(topic)
      if (entry === undefined)
        topics.set(topic, (entry = { roster: new Roster(), pending: new PendingDiff() }))
      return entry
    }

    return PresenceTracker.of({
      state: (topic) => topics.get(topic)?.roster.state() ?? {},
      track: (topic, userId, deviceId, status) => {
        const add = (meta: Meta): Meta => {
          const { roster, pending } = entryOf(topic)
          roster.add(userId, meta)
          pending.join(userId, meta)
          changed(topic)
          return meta
        }
        const remove = (meta: Meta): void => {
          const { roster, pending } = entryOf(topic)
          if (roster.remove(userId, meta.phx_ref) === undefined) return
          pending.leave(userId, meta)
          changed(topic)
        }
        let current = add({
          device_id: deviceId,
          status,
          online_at: clock.currentTimeMillisUnsafe(),
          phx_ref: newRef()
        })
        return {
          untrack: () => remove(current),
          update: (status) => {
            remove(current)
            const { device_id, online_at, phx_ref } = current
            current = add({ device_id, status, online_at, phx_ref: newRef(), phx_ref_prev: phx_ref })
          }
        }
      }
    })
  })
)
