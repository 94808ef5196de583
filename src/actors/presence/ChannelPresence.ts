/**
 * Presence on one channel: shows its device on the topic, and keeps its socket's picture of the topic whole. The
 * picture is one `presence_state` after the join and all diffs after that; a socket too slow to take a diff gets
 * a fresh state once it has caught up.
 */
import type { Ref } from "../../domain/protocol/Frame.ts"
import type { ChannelHost } from "../session/Channel.ts"
import { type EncodedFrame, encoded } from "../topic/SharedFrame.ts"
import type { PresenceTracker, Tracked } from "./PresenceTracker.ts"

/** The event of the topic's publications that goes through `diff`. */
export const DIFF_EVENT = "presence_diff"

type Tracker = Pick<PresenceTracker["Service"], "track" | "stateJson" | "whenWhole">

export class ChannelPresence {
  readonly #host: ChannelHost
  readonly #tracker: Tracker
  readonly #topic: string
  readonly #joinRef: Ref
  #tracked: Tracked | undefined
  /** Whether the client has had its first state. What changes before is in there. */
  #isShown = false
  #isWhole = true

  constructor(host: ChannelHost, tracker: Tracker, topic: string, joinRef: Ref) {
    this.#host = host
    this.#tracker = tracker
    this.#topic = topic
    this.#joinRef = joinRef
  }

  /** When the channel opens, and is subscribed to its topic. */
  open(): void {
    const { identity } = this.#host.caller
    this.#tracked = this.#tracker.track(this.#topic, identity.userId, identity.deviceId, this.#host.status())
    this.#tracker.whenWhole(this.#topic, () => {
      if (this.#tracked === undefined || this.#isShown) return
      this.#isShown = true
      this.#host.send(this.#state(), false)
    })
  }

  /** Hands on a `presence_diff`. */
  diff(frame: EncodedFrame): void {
    if (this.#isShown && !this.#host.send(frame, true)) this.#isWhole = false
  }

  caughtUp(): void {
    if (this.#isShown && !this.#isWhole) this.#isWhole = this.#host.send(this.#state(), true)
  }

  statusChanged(): void {
    this.#tracked?.update(this.#host.status())
  }

  /** Idempotent. */
  close(): void {
    this.#tracked?.untrack()
    this.#tracked = undefined
  }

  #state(): EncodedFrame {
    const state = this.#tracker.stateJson(this.#topic)
    return encoded(this.#host.serializer.push(this.#joinRef, null, this.#topic, "presence_state", state))
  }
}
